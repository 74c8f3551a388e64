package method

import (
	"reflect"
	"strings"
	"testing"
)

// Every named method parses, and the canonical text of every specification
// parses to the same.
func TestSpecsRoundTrip(t *testing.T) {
	texts := []string{"k=centre+hadamard+g4,v=hadamard+g4,sink=4,window=64", "q8_0", "q8_0/q4_0", "f16/f32", "snapkv@0.3", "cbhmix@4", "k=pre+hadamard+m3:32~0.9,v=g8,sink=0,window=128"}
	for _, m := range Methods {
		texts = append(texts, m.Name)
	}
	for _, text := range texts {
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		again, err := Parse(s.String())
		if err != nil {
			t.Errorf("%s: its canonical form %s: %v", text, s, err)
			continue
		}
		if !reflect.DeepEqual(s, again) {
			t.Errorf("%s: %+v became %+v", text, s, again)
		}
		if again.String() != s.String() {
			t.Errorf("%s: %s became %s", text, s, again)
		}
	}
}

func TestSpecErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "empty",
		"q9_0":                            "model kv",
		"snapkv@2":                        "at most 1",
		"snapkv@half":                     "share",
		"q8_0@0.5":                        "takes no share",
		"nosuch@0.5":                      "unknown cache method",
		"k=g4":                            "k=g4,v=g4",
		"k=g4,v=g9":                       "bits",
		"k=g4,v=g4,k=g4":                  "twice",
		"k=g4,v=g4,sink=99":               "0 to 16",
		"k=g4,v=g4,colour=red":            "unknown key",
		"k=g4,v=pre+g4":                   "not rotated",
		"k=hadamard,v=g4":                 "number format",
		"k=hadamrd+g4,v=g4":               "unknown word",
		"k=t3,v=g4":                       "range",
		"k=nested+g4,v=g4":                "nested",
		"k=f16,v=f16,keep=0.5":            "score=",
		"k=f16,v=f16,score=snap":          "keep=",
		"k=f16,v=f16,keep=0.5,score=best": "one of snap",
		"k=g4,v=g4,kl=g2,high=0.5":        "both",
		"k=g4,v=g4,kl=hadamard+g2,vl=g2":  "first",
		"k=rank9+hadamard+g4,v=g4":        "stands alone",
		"k=l5,v=g4":                       "g5",
		"k=a2~2,v=g4":                     "clip",
		"k=f16,v=f16,pages=0":             "0.001",
		"k=f16,v=f16,reuse=0.5":           "pages=",
		"k=g4,v=g4,demote=100":            "nested",
		"k=channel+f16,v=f16":             "channel",
		"k=f16,v=f16,keep=0.5,score=snap,budget=threshold": "shared",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range Methods {
		f.Add(m.Name)
		f.Add(m.Spec)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("%q: canonical form %q parses to %+v, %v", text, s, again, err)
		}
	})
}
