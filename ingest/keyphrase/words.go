package keyphrase

import "strings"

func set(lines string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(lines) {
		m[fold(w)] = true
		m[w] = true
	}
	return m
}

// stop are words that no key phrase contains: function words, common verbs,
// and what every filing says.
var stop = set(`a an the this that these those such same other another each every any all some no both either neither many much more most less least few several various certain own
	i we you he she it they us me him her them our your his its their ours yours theirs ourselves itself themselves who whom whose which what where when why how
	and or but nor if then than so because while although though unless until whether as at by for from in into of off on onto out over to up with within without about above across after against among around
	before behind below beneath beside between beyond despite down during except inside like near outside per since through throughout toward towards under upon via versus
	is are was were be been being am do does did done doing have has had having can could may might must shall should will would
	not also only just very too well even still already again once further however therefore thus hence moreover furthermore including includes include included excluding
	make makes made making take takes took taken taking give gives given giving get gets got use uses used using provide provides provided providing require requires required requiring
	become becomes became result results resulted resulting relate relates related relating associate associated based determine determined determines consider considered considers continue continues continued
	expect expects expected believe believes believed intend estimate estimated estimates recognize recognized recognizes record recorded report reported reports increase increased increases decrease decreased decreases
	primarily approximately generally typically respectively follow follows following followed describe described describes set forth pursuant accordance connection respect due amount amounts amounted total net
	company corporation inc corp llc registrant subsidiary subsidiaries fiscal year years quarter quarters month months week weeks day days date dates period periods ended ending end beginning
	january february march april june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec million millions billion billions thousand thousands percent percentage
	table tables note notes item items part parts page pages section sections form annual quarterly report reports statement statements consolidated financial exhibit exhibits see refer
	one two three four five six seven eight nine ten first second third fourth new number s t re ll ve affect affects affected affecting adversely materially material change changes changed
	seek seeks help helps need needs allow allows enable enables comply complies depend depends rely relies fail fails lead leads cause causes caused offer offers offered sell sells sold pay pays paid
	receive receives received hold holds held issue issued enter entered obtain obtained maintain maintains remain remains include reflect reflects reflected represent represents represented
	business operations operation harm harmed impact impacts impacted times time experienced cases case ability information known condition conditions reviewing review support play http https www basis manner purpose purposes
	way ways number addition respect extent use used term terms value values aspect aspects standards principles procedures accepted performed perform performing type types level levels group items kind events event activity activities
	want wants develop implemented communicated arising alter computation offset exercise next fixed classified
	there here available able unable subject likely unlikely possible potential additional significant substantial`)

// bare are words that do not end a phrase.
var bare = set(`financial general high higher low lower large larger small strong weak good bad early late recent current future prior previous long short primary main major key common
	effective different similar specific particular public private foreign domestic international global local federal non-gaap`)
