package transform

import (
	"errors"
	"strings"
	"sync"
)

// table is a list of "CODE name|other name" lines.
type table string

func (t table) index() map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(t)) {
		code, names, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		for _, n := range strings.Split(names, "|") {
			m[fold(n)] = code
		}
		if m[fold(code)] == "" {
			m[fold(code)] = code
		}
	}
	return m
}

// fold makes names comparable: lower case, letters alone, no article.
func fold(s string) string {
	s = strings.ToLower(strings.ReplaceAll(s, "&", " and "))
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			return r
		case r == '.' || r == '\'' || r == '’':
			return -1
		}
		return ' '
	}, s)
	return strings.Join(strings.Fields(strings.TrimPrefix(s, "the ")), " ")
}

func lookup(index func() map[string]string, what string) rule {
	return func(s string) (string, error) {
		if v, ok := index()[fold(s)]; ok {
			return v, nil
		}
		return "", errors.New("no such " + what)
	}
}

var (
	countryIndex  = sync.OnceValue(countries.index)
	stateIndex    = sync.OnceValue(states.index)
	exchangeIndex = sync.OnceValue(exchanges.index)

	country         = lookup(countryIndex, "country")
	stateOrProvince = lookup(stateIndex, "state or province")
	exchange        = lookup(exchangeIndex, "exchange")
)

// edgarPlace reads a state, province or country as the code that EDGAR uses:
// two letters for American states, a letter and a digit for the rest; where
// EDGAR's own code is not known here, the ISO code.
func edgarPlace(s string) (string, error) {
	f := fold(s)
	if v, ok := stateIndex()[f]; ok {
		if c, ok := edgarProvinces[v]; ok {
			return c, nil
		}
		return v, nil
	}
	if v, ok := countryIndex()[f]; ok {
		if c, ok := edgarCountries[v]; ok {
			return c, nil
		}
		return v, nil
	}
	return "", errors.New("no such state, province or country")
}

func filerCategory(s string) (string, error) {
	f := fold(s)
	for _, c := range []string{"Non-accelerated Filer", "Large Accelerated Filer", "Accelerated Filer", "Smaller Reporting Company", "Smaller Reporting Accelerated Filer"} {
		if f == fold(c) {
			return c, nil
		}
	}
	return "", errors.New("no such category of filer")
}

const exchanges table = `
NYSE New York Stock Exchange|New York Stock Exchange LLC|NYSE|New York Stock Exchange Inc|New York Stock Exchange NYSE
NASDAQ Nasdaq Stock Market LLC|Nasdaq Stock Market|NASDAQ|Nasdaq Global Select Market|Nasdaq Global Market|Nasdaq Capital Market|NASDAQ Stock Market Inc|Nasdaq Stock Exchange|Nasdaq Stock Exchange LLC|Nasdaq Global Select Stock Market|NASDAQ Stock Market LLC Nasdaq Global Select Market|Nasdaq Global Select Market LLC
NYSEAMER NYSE American|NYSE American LLC|NYSE MKT|American Stock Exchange|NYSE MKT LLC
NYSEArca NYSE Arca|NYSE Arca Inc
NYSENAT NYSE National|NYSE National Inc
CHX Chicago Stock Exchange|NYSE Chicago|NYSE Chicago Inc|Chicago Stock Exchange Inc
CboeBZX Cboe BZX Exchange|Cboe BZX|Cboe BZX Exchange Inc|BATS BZX Exchange
CboeBYX Cboe BYX Exchange|Cboe BYX Exchange Inc
CboeEDGA Cboe EDGA Exchange|Cboe EDGA Exchange Inc
CboeEDGX Cboe EDGX Exchange|Cboe EDGX Exchange Inc
CBOE Cboe Exchange|Cboe Exchange Inc|Chicago Board Options Exchange
BOX BOX Exchange|BOX Exchange LLC|BOX Options Exchange
IEX Investors Exchange|Investors Exchange LLC|IEX
PHLX Nasdaq PHLX|Nasdaq PHLX LLC|Philadelphia Stock Exchange
BX Nasdaq BX|Nasdaq BX Inc|Boston Stock Exchange
ISE Nasdaq ISE|Nasdaq ISE LLC|International Securities Exchange
LTSE Long Term Stock Exchange|Long-Term Stock Exchange Inc|LTSE
MEMX MEMX|MEMX LLC
MIAX Miami International Securities Exchange|MIAX
NONE None
`

const states table = `
AL Alabama
AK Alaska
AZ Arizona
AR Arkansas
CA California|State of California
CO Colorado
CT Connecticut
DE Delaware|State of Delaware
DC District of Columbia|Washington DC|Washington D C
FL Florida
GA Georgia
HI Hawaii
ID Idaho
IL Illinois
IN Indiana
IA Iowa
KS Kansas
KY Kentucky|Commonwealth of Kentucky
LA Louisiana
ME Maine
MD Maryland
MA Massachusetts|Commonwealth of Massachusetts
MI Michigan
MN Minnesota
MS Mississippi
MO Missouri
MT Montana
NE Nebraska
NV Nevada|State of Nevada
NH New Hampshire
NJ New Jersey|State of New Jersey
NM New Mexico
NY New York|State of New York
NC North Carolina
ND North Dakota
OH Ohio
OK Oklahoma
OR Oregon
PA Pennsylvania|Commonwealth of Pennsylvania
RI Rhode Island
SC South Carolina
SD South Dakota
TN Tennessee
TX Texas|State of Texas
UT Utah
VT Vermont
VA Virginia|Commonwealth of Virginia
WA Washington|State of Washington
WV West Virginia
WI Wisconsin
WY Wyoming
AS American Samoa
GU Guam
MP Northern Mariana Islands
PR Puerto Rico|Commonwealth of Puerto Rico
VI Virgin Islands|US Virgin Islands|U S Virgin Islands
AB Alberta
BC British Columbia
MB Manitoba
NB New Brunswick
NL Newfoundland and Labrador|Newfoundland
NS Nova Scotia
NT Northwest Territories
NU Nunavut
ON Ontario
PE Prince Edward Island
QC Quebec|Québec
SK Saskatchewan
YT Yukon|Yukon Territory
X1 United States|United States of America
`

// edgarProvinces are EDGAR's codes of Canadian provinces.
var edgarProvinces = map[string]string{
	"AB": "A0", "BC": "A1", "MB": "A2", "NB": "A3", "NL": "A4", "NS": "A5", "ON": "A6", "PE": "A7", "QC": "A8", "SK": "A9", "YT": "B0", "NT": "B1", "NU": "Z9",
}

// edgarCountries are EDGAR's codes of the countries that its filers name most.
var edgarCountries = map[string]string{
	"AR": "C1", "AU": "C3", "AT": "C4", "BS": "C5", "BE": "C9", "BM": "D0", "BR": "D5", "CA": "Z4", "KY": "E9", "CL": "F3", "CN": "F4", "CO": "F8",
	"CR": "G0", "CY": "G4", "DK": "G7", "FI": "H9", "FR": "I0", "DE": "2M", "GR": "J3", "GG": "Y7", "HK": "K3", "HU": "K5", "IS": "K6", "IN": "K7",
	"ID": "K8", "IE": "L2", "IM": "Y8", "IL": "L3", "IT": "L6", "JP": "M0", "JE": "Y9", "KR": "M5", "LU": "N4", "MO": "N5", "MY": "N8", "MT": "O1",
	"MH": "1T", "MU": "O4", "MX": "O5", "MC": "O9", "NL": "P7", "NZ": "Q2", "NO": "Q8", "PA": "R1", "PE": "R5", "PH": "R6", "PL": "R9", "PT": "S1",
	"RO": "S5", "RU": "1Z", "SA": "T0", "SG": "U0", "ZA": "T3", "ES": "U3", "SE": "V7", "CH": "V8", "TW": "F5", "TH": "W1", "TR": "W8", "UA": "2H",
	"AE": "C0", "GB": "X0", "US": "X1", "UY": "X3", "VE": "X5", "VN": "Q1", "VG": "D8",
}

const countries table = `
AF Afghanistan
AL Albania
DZ Algeria
AD Andorra
AO Angola
AI Anguilla
AG Antigua and Barbuda
AR Argentina
AM Armenia
AW Aruba
AU Australia
AT Austria
AZ Azerbaijan
BS Bahamas
BH Bahrain
BD Bangladesh
BB Barbados
BY Belarus
BE Belgium
BZ Belize
BJ Benin
BM Bermuda
BT Bhutan
BO Bolivia
BA Bosnia and Herzegovina
BW Botswana
BR Brazil
VG British Virgin Islands|Virgin Islands British
BN Brunei|Brunei Darussalam
BG Bulgaria
BF Burkina Faso
BI Burundi
KH Cambodia
CM Cameroon
CA Canada
CV Cape Verde|Cabo Verde
KY Cayman Islands
CF Central African Republic
TD Chad
CL Chile
CN China|People's Republic of China|PRC
CO Colombia
KM Comoros
CG Congo|Republic of the Congo
CD Democratic Republic of the Congo
CR Costa Rica
CI Ivory Coast|Cote d'Ivoire|Côte d'Ivoire
HR Croatia
CU Cuba
CW Curacao|Curaçao
CY Cyprus
CZ Czech Republic|Czechia
DK Denmark
DJ Djibouti
DM Dominica
DO Dominican Republic
EC Ecuador
EG Egypt
SV El Salvador
GQ Equatorial Guinea
ER Eritrea
EE Estonia
SZ Eswatini|Swaziland
ET Ethiopia
FO Faroe Islands
FJ Fiji
FI Finland
FR France
GF French Guiana
PF French Polynesia
GA Gabon
GM Gambia
GE Georgia
DE Germany|Federal Republic of Germany
GH Ghana
GI Gibraltar
GR Greece
GL Greenland
GD Grenada
GT Guatemala
GG Guernsey
GN Guinea
GY Guyana
HT Haiti
HN Honduras
HK Hong Kong|Hong Kong SAR
HU Hungary
IS Iceland
IN India
ID Indonesia
IR Iran
IQ Iraq
IE Ireland|Republic of Ireland
IM Isle of Man
IL Israel
IT Italy
JM Jamaica
JP Japan
JE Jersey
JO Jordan
KZ Kazakhstan
KE Kenya
KR Korea|South Korea|Republic of Korea|Korea Republic of
KP North Korea
KW Kuwait
KG Kyrgyzstan
LA Laos
LV Latvia
LB Lebanon
LS Lesotho
LR Liberia
LY Libya
LI Liechtenstein
LT Lithuania
LU Luxembourg
MO Macao|Macau
MG Madagascar
MW Malawi
MY Malaysia
MV Maldives
ML Mali
MT Malta
MH Marshall Islands|Republic of the Marshall Islands
MR Mauritania
MU Mauritius
MX Mexico
MD Moldova
MC Monaco
MN Mongolia
ME Montenegro
MA Morocco
MZ Mozambique
MM Myanmar
NA Namibia
NP Nepal
NL Netherlands|Holland
NZ New Zealand
NI Nicaragua
NE Niger
NG Nigeria
MK North Macedonia
NO Norway
OM Oman
PK Pakistan
PA Panama|Republic of Panama
PG Papua New Guinea
PY Paraguay
PE Peru
PH Philippines
PL Poland
PT Portugal
PR Puerto Rico
QA Qatar
RO Romania
RU Russia|Russian Federation
RW Rwanda
KN Saint Kitts and Nevis
LC Saint Lucia
SM San Marino
SA Saudi Arabia
SN Senegal
RS Serbia
SC Seychelles
SL Sierra Leone
SG Singapore
SK Slovakia
SI Slovenia
SO Somalia
ZA South Africa
ES Spain
LK Sri Lanka
SD Sudan
SR Suriname
SE Sweden
CH Switzerland
SY Syria
TW Taiwan
TJ Tajikistan
TZ Tanzania
TH Thailand
TG Togo
TT Trinidad and Tobago
TN Tunisia
TR Turkey|Türkiye
TM Turkmenistan
TC Turks and Caicos Islands
UG Uganda
UA Ukraine
AE United Arab Emirates|UAE
GB United Kingdom|England|Great Britain|Scotland|Wales|Northern Ireland|England and Wales|UK|U K
US United States|United States of America|USA|U S|U S A
UY Uruguay
UZ Uzbekistan
VE Venezuela
VN Vietnam|Viet Nam
YE Yemen
ZM Zambia
ZW Zimbabwe
`
