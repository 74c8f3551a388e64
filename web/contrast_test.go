package web

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// The colours of the console are tokens in main.css; this test computes the
// contrast of every pair that the console uses (WCAG 2.2, 1.4.3 and 1.4.11),
// in both themes, so that no change of a token can make a text too faint.

var tokenLine = regexp.MustCompile(`--([a-z0-9-]+):\s*(#[0-9a-fA-F]{3,8})\s*;`)

// themes reads the tokens: the first block is light, each later one is dark.
func themes(t *testing.T) (light, dark, forced map[string]string) {
	t.Helper()
	css, err := os.ReadFile("console/src/styles/main.css")
	if err != nil {
		t.Fatal(err)
	}
	var found []map[string]string
	for _, block := range regexp.MustCompile(`:root[^{]*\{[^}]*\}`).FindAllString(string(css), -1) {
		tokens := map[string]string{}
		for _, m := range tokenLine.FindAllStringSubmatch(block, -1) {
			tokens[m[1]] = m[2]
		}
		if len(tokens) > 5 {
			found = append(found, tokens)
		}
	}
	if len(found) != 3 {
		t.Fatalf("main.css has %d blocks of colour tokens, want light, dark by the system, dark by choice", len(found))
	}
	return found[0], found[1], found[2]
}

// luminance is the relative luminance of WCAG for #rgb or #rrggbb.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 4 {
		hex = "#" + hex[1:2] + hex[1:2] + hex[2:3] + hex[2:3] + hex[3:4] + hex[3:4]
	}
	if len(hex) != 7 {
		t.Fatalf("%q is not an opaque colour", hex)
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	if x < y {
		x, y = y, x
	}
	return (x + 0.05) / (y + 0.05)
}

func TestContrast(t *testing.T) {
	if c := contrast(t, "#000", "#ffffff"); math.Abs(c-21) > 1e-9 {
		t.Fatalf("black on white is %v", c)
	}
	light, dark, forced := themes(t)
	for name, value := range dark {
		if forced[name] != value {
			t.Errorf("--%s is %s by the system's choice and %s by the reader's", name, value, forced[name])
		}
	}
	type pair struct {
		front, back string
		least       float64
	}
	var pairs []pair
	for _, back := range []string{"bg", "surface", "inset"} {
		for _, text := range []string{"ink", "ink2", "ink3", "accent", "derived", "inferred", "ok", "warn", "bad"} {
			pairs = append(pairs, pair{text, back, 4.5})
		}
		pairs = append(pairs, pair{"edge", back, 3}, pair{"focus", back, 3})
	}
	pairs = append(pairs,
		pair{"on-accent", "accent", 4.5}, pair{"mark-ink", "mark", 4.5},
		pair{"ink", "accent-weak", 4.5}, pair{"ink2", "accent-weak", 4.5}, pair{"accent", "accent-weak", 4.5},
		pair{"derived", "derived-weak", 4.5}, pair{"ink", "derived-weak", 4.5},
		pair{"inferred", "inferred-weak", 4.5}, pair{"ok", "ok-weak", 4.5}, pair{"ink", "ok-weak", 4.5})
	for theme, tokens := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, p := range pairs {
			front, back := tokens[p.front], tokens[p.back]
			if front == "" || back == "" {
				t.Errorf("%s: token --%s or --%s is missing", theme, p.front, p.back)
				continue
			}
			if c := contrast(t, front, back); c < p.least {
				t.Errorf("%s: %s on %s is %.2f, want %.1f", theme, p.front, p.back, c, p.least)
			}
		}
	}
}
