// Package method turns the names and specification strings of cache methods
// into policies of the store: it reads them, gathers the statistics of a model
// that they need, and builds the maps, formats and budgets of every layer.
package method

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
)

// Spec is a parsed specification. Its String is canonical: Parse of it gives
// the same Spec.
type Spec struct {
	// Exact is "f32" or "f16" when nothing is sealed; the rest is then zero.
	Exact  string
	K, V   Side
	KL, VL *Side // formats of the second tier; maps are those of K and V
	Sink   int   // positions at the start that stay exact
	Window int   // positions before the page in progress that stay exact
	Demote int   // age in positions at which nested formats lose their lower bits

	Bits   float64 // mean bits that the layers share out by damage; 0 = all layers alike
	Keep   float64 // share of old positions that stay after the prompt; 0 or 1 = all
	High   float64 // share of those in the first tier
	Score  string  // signal of importance
	Budget string  // how layers and heads share: uniform, threshold, entropy, error
	Shared bool    // one set of positions for all heads of a layer
	Crush  float64 // share of the kept that are representatives

	Pages string  // share of sealed pages that a query reads, or "distance"
	Reuse float64 // cosine above which the pages of the query before are read again
	Probe bool    // pages are chosen by a probe of recent queries
}

// Side is how keys or values are mapped and stored.
type Side struct {
	Pre, Centre, Balance, Range, Hadamard bool
	Rank                                  int // of a projection over all heads

	LowRank, Outliers          int
	Separable, Nested, Channel bool
	Format                     string // f32, f16, q8_0, a2:32~0.8, m2:32, g4, l3, n3, t3
}

// parts of the format name.
type format struct {
	float  bool
	single bool
	codec.Format
}

const (
	defaultSink   = 4
	defaultWindow = 64
)

var scores = []string{"snap", "norm", "keydiff", "lag", "expected", "accumulated", "activation", "retrieved"}

var budgets = []string{"uniform", "threshold", "entropy", "error"}

// Parse reads a specification string or the name of a method.
func Parse(text string) (*Spec, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, fmt.Errorf("empty cache specification: give a name such as cbh4 or a composition such as k=hadamard+g4,v=hadamard+g4")
	}
	if m, share, ok, err := named(text); err != nil {
		return nil, err
	} else if ok {
		s, err := parse(strings.ReplaceAll(m.Spec, "SHARE", share))
		if err != nil {
			return nil, fmt.Errorf("method %s: %w", text, err)
		}
		return s, nil
	}
	return parse(text)
}

func parse(text string) (*Spec, error) {
	if text == "f32" || text == "f16" {
		return &Spec{Exact: text}, nil
	}
	s := &Spec{Sink: defaultSink, Window: defaultWindow}
	if !strings.Contains(text, "=") {
		// F for both sides or K/V.
		k, v, two := strings.Cut(text, "/")
		if !two {
			v = k
		}
		var err error
		if s.K, err = parseSide(k, true); err == nil {
			s.V, err = parseSide(v, true)
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither a method nor a number format (%w); `quaestor model kv` lists the methods", text, err)
		}
		return s, s.check()
	}
	seen := map[string]bool{}
	for _, item := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(item, "=")
		if seen[key] {
			return nil, fmt.Errorf("%q is given twice", key)
		}
		seen[key] = true
		if err := s.set(key, value); err != nil {
			return nil, fmt.Errorf("%q in a cache specification: %w", item, err)
		}
	}
	if s.K.Format == "" || s.V.Format == "" {
		return nil, fmt.Errorf("a composition names the formats of keys and values, as in k=g4,v=g4")
	}
	return s, s.check()
}

func (s *Spec) set(key, value string) (err error) {
	number := func(dst *int, lo, hi int) {
		n, e := strconv.Atoi(value)
		if e != nil || n < lo || n > hi {
			err = fmt.Errorf("want a whole number from %d to %d", lo, hi)
		}
		*dst = n
	}
	share := func(dst *float64, lo, hi float64) {
		x, e := strconv.ParseFloat(value, 64)
		if e != nil || !(x >= lo && x <= hi) {
			err = fmt.Errorf("want a number from %g to %g", lo, hi)
		}
		*dst = x
	}
	choice := func(dst *string, from []string) {
		for _, c := range from {
			if c == value {
				*dst = value
				return
			}
		}
		err = fmt.Errorf("want one of %s", strings.Join(from, ", "))
	}
	switch key {
	case "k":
		s.K, err = parseSide(value, true)
	case "v":
		s.V, err = parseSide(value, true)
	case "kl":
		var y Side
		y, err = parseSide(value, false)
		s.KL = &y
	case "vl":
		var y Side
		y, err = parseSide(value, false)
		s.VL = &y
	case "sink":
		number(&s.Sink, 0, 16)
	case "window":
		number(&s.Window, 0, 1<<20)
	case "demote":
		number(&s.Demote, 1, 1<<20)
	case "bits":
		share(&s.Bits, 1, 16)
	case "keep":
		share(&s.Keep, 0.001, 1)
	case "high":
		share(&s.High, 0, 1)
	case "crush":
		share(&s.Crush, 0, 1)
	case "reuse":
		share(&s.Reuse, -1, 1)
	case "score":
		choice(&s.Score, scores)
	case "budget":
		choice(&s.Budget, budgets)
	case "shared", "probe":
		if value != "" {
			return fmt.Errorf("takes no value")
		}
		s.Shared, s.Probe = s.Shared || key == "shared", s.Probe || key == "probe"
	case "pages":
		if value == "distance" {
			s.Pages = value
			break
		}
		var x float64
		share(&x, 0.001, 1)
		s.Pages = strconv.FormatFloat(x, 'g', -1, 64)
	default:
		return fmt.Errorf("unknown key; known are k, v, kl, vl, sink, window, demote, bits, keep, high, score, budget, shared, crush, pages, reuse, probe")
	}
	return err
}

// parseSide reads words joined by "+": maps, then wrappers, then the format.
func parseSide(text string, maps bool) (s Side, err error) {
	words := strings.Split(text, "+")
	for i, w := range words {
		last := i == len(words)-1
		number := func(prefix string, dst *int, hi int) bool {
			rest, ok := strings.CutPrefix(w, prefix)
			if !ok {
				return false
			}
			n, e := strconv.Atoi(rest)
			if e != nil || n < 1 || n > hi {
				err = fmt.Errorf("%q: want a number from 1 to %d after %q", w, hi, prefix)
			}
			*dst = n
			return true
		}
		isMap := true
		switch {
		case w == "pre":
			s.Pre = true
		case w == "centre":
			s.Centre = true
		case w == "balance":
			s.Balance = true
		case w == "range":
			s.Range = true
		case w == "hadamard":
			s.Hadamard = true
		case number("rank", &s.Rank, 1<<16):
		default:
			isMap = false
		}
		if isMap && !maps {
			return s, fmt.Errorf("%q: the second tier is mapped as the first, name its format only", w)
		}
		switch {
		case err != nil:
			return s, err
		case isMap:
		case w == "separable":
			s.Separable = true
		case w == "nested":
			s.Nested = true
		case w == "channel":
			s.Channel = true
		case number("lowrank", &s.LowRank, 64):
		case number("outliers", &s.Outliers, 32):
		case last:
			if _, err := parseFormat(w); err != nil {
				return s, err
			}
			s.Format = w
		default:
			return s, fmt.Errorf("unknown word %q", w)
		}
		if err != nil {
			return s, err
		}
	}
	if s.Format == "" {
		return s, fmt.Errorf("%q ends without a number format such as f16, q8_0, a2:32 or g4", text)
	}
	return s, nil
}

// parseFormat reads a number format.
func parseFormat(w string) (f format, err error) {
	bad := fmt.Errorf("unknown number format %q: known are f32, f16, q8_0, q5_0, q4_0 and a, m, g, l, n, t followed by bits, with :GROUP and ~CLIP", w)
	switch w {
	case "f32", "f16":
		return format{float: true, single: w == "f32"}, nil
	case "q8_0", "q5_0", "q4_0":
		f.Kind, f.Bits, f.Group = codec.Symmetric, int(w[1]-'0'), 32
		return f, nil
	case "":
		return f, bad
	}
	kind := strings.IndexByte("amgl?nt", w[0])
	if kind < 0 || w[0] == '?' {
		return f, bad
	}
	f.Kind = codec.Kind(kind)
	rest, clip, clipped := strings.Cut(w[1:], "~")
	bits, group, grouped := strings.Cut(rest, ":")
	if f.Bits, err = strconv.Atoi(bits); err != nil {
		return f, bad
	}
	if grouped {
		if f.Group, err = strconv.Atoi(group); err != nil || f.Group < 1 {
			return f, bad
		}
	}
	if clipped {
		x, err := strconv.ParseFloat(clip, 32)
		if err != nil || !(x > 0 && x < 1) {
			return f, fmt.Errorf("%q: the clip is a share of the range above 0 and below 1", w)
		}
		f.Clip = float32(x)
	}
	if f.Kind == codec.Table || f.Kind == codec.Fixed {
		if f.Bits < 1 || f.Bits > 4 {
			return f, fmt.Errorf("%q: tables have 1 to 4 bits", w)
		}
		return f, nil
	}
	_, err = codec.NewScalar(f.Format, codec.Keys)
	if err != nil {
		err = fmt.Errorf("%q: %w", w, err)
	}
	return f, err
}

// check reports compositions that make no sense.
func (s *Spec) check() error {
	for _, side := range []struct {
		name string
		Side
		low *Side
	}{{"k", s.K, s.KL}, {"v", s.V, s.VL}} {
		y := side.Side
		f, err := parseFormat(y.Format)
		if err != nil {
			return err
		}
		switch {
		case side.name == "v" && y.Pre:
			return fmt.Errorf("v=%v: values are not rotated by position, leave out \"pre\"", y)
		case y.Rank > 0 && (y.Hadamard || y.Balance || y.Range):
			return fmt.Errorf("%s=%v: a projection stands alone, without hadamard, balance or range", side.name, y)
		case y.Range && (y.Centre || y.Balance):
			return fmt.Errorf("%s=%v: range brings its own centre and balance", side.name, y)
		case f.Kind == codec.Fixed && !y.Range:
			return fmt.Errorf("%s=%v: t%d has a fixed range, so it needs \"range\" before it", side.name, y, f.Bits)
		case y.Nested && (f.float || f.Kind != codec.MinMax || f.Bits%2 != 0):
			return fmt.Errorf("%s=%v: nested codes are of formats a2, a4, a8", side.name, y)
		case y.Channel && f.float:
			return fmt.Errorf("%s=%v: %s has no groups, leave out \"channel\"", side.name, y, y.Format)
		case y.Nested && (y.Separable || y.LowRank > 0 || y.Outliers > 0):
			return fmt.Errorf("%s=%v: nested codes take no wrappers", side.name, y)
		}
	}
	tiers := s.KL != nil || s.VL != nil
	switch {
	case (s.KL == nil) != (s.VL == nil):
		return fmt.Errorf("a second tier needs both kl= and vl=")
	case tiers && (s.High <= 0 || s.High >= 1):
		return fmt.Errorf("a second tier needs high=, the share of the first, between 0 and 1")
	case !tiers && s.High > 0:
		return fmt.Errorf("high= needs the formats of the second tier, kl= and vl=")
	case (tiers || s.Keep > 0 && s.Keep < 1) && s.Score == "":
		return fmt.Errorf("keep= and high= need score=, one of %s", strings.Join(scores, ", "))
	case s.Score != "" && !tiers && s.Keep == 0:
		return fmt.Errorf("score= needs keep= or a second tier")
	case s.Budget != "" && s.Budget != "uniform" && !(s.Keep > 0 && s.Keep < 1):
		return fmt.Errorf("budget= divides what keep= leaves: give a share below 1")
	case s.Budget == "threshold" && !s.Shared:
		return fmt.Errorf("budget=threshold compares layers and needs shared")
	case s.Crush > 0 && !(s.Keep > 0 && s.Keep < 1):
		return fmt.Errorf("crush= needs keep= below 1")
	case (s.Reuse != 0 || s.Probe) && (s.Pages == "" || s.Pages == "distance"):
		return fmt.Errorf("reuse= and probe need pages=")
	case s.Demote > 0 && !s.K.Nested && !s.V.Nested:
		return fmt.Errorf("demote= needs a nested format")
	case (tiers || s.Keep > 0 && s.Keep < 1 && !s.Shared) && (s.K.Rank > 0 || s.V.Rank > 0):
		return fmt.Errorf("a projection holds all heads together: positions are chosen for all of them, say shared and no second tier")
	}
	return nil
}

// String writes the side as parseSide reads it.
func (s Side) String() string {
	var w []string
	add := func(on bool, word string) {
		if on {
			w = append(w, word)
		}
	}
	add(s.Pre, "pre")
	add(s.Centre, "centre")
	add(s.Balance, "balance")
	add(s.Range, "range")
	add(s.Hadamard, "hadamard")
	add(s.Rank > 0, "rank"+strconv.Itoa(s.Rank))
	add(s.Separable, "separable")
	add(s.LowRank > 0, "lowrank"+strconv.Itoa(s.LowRank))
	add(s.Outliers > 0, "outliers"+strconv.Itoa(s.Outliers))
	add(s.Nested, "nested")
	add(s.Channel, "channel")
	return strings.Join(append(w, s.Format), "+")
}

// String writes the specification as Parse reads it.
func (s *Spec) String() string {
	if s.Exact != "" {
		return s.Exact
	}
	var w []string
	add := func(on bool, format string, args ...any) {
		if on {
			w = append(w, fmt.Sprintf(format, args...))
		}
	}
	add(true, "k=%v", s.K)
	add(true, "v=%v", s.V)
	if s.KL != nil && s.VL != nil {
		add(true, "kl=%v,vl=%v", *s.KL, *s.VL)
	}
	add(true, "sink=%d", s.Sink)
	add(true, "window=%d", s.Window)
	add(s.Demote > 0, "demote=%d", s.Demote)
	add(s.Bits > 0, "bits=%g", s.Bits)
	add(s.Keep > 0, "keep=%g", s.Keep)
	add(s.High > 0, "high=%g", s.High)
	add(s.Score != "", "score=%s", s.Score)
	add(s.Budget != "", "budget=%s", s.Budget)
	add(s.Shared, "shared")
	add(s.Crush > 0, "crush=%g", s.Crush)
	add(s.Pages != "", "pages=%s", s.Pages)
	add(s.Reuse != 0, "reuse=%g", s.Reuse)
	add(s.Probe, "probe")
	return strings.Join(w, ",")
}
