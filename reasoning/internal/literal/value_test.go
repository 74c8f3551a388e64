package literal

import (
	"math"
	"testing"
)

func TestDays(t *testing.T) {
	for in, want := range map[string]float64{
		"1970-01-01": 0, "1970-01-02": 1, "1969-12-31Z": -1, "1970": 0, "1970-02": 31, "1970-01-01T12:00:00": 0.5, "1970-01-01T12:00:00+06:00": 0.25, "-0001-01-01": -719893, "1970-01-01T00:00:00.5Z": 0.5 / 86400,
	} {
		if got, ok := Days(in); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("Days(%q) = %v, %v; want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "x", "70", "1970-13-01", "1970-01-01Tx", "1970-01-01+xx:00"} {
		if v, ok := Days(in); ok {
			t.Errorf("Days(%q) = %v", in, v)
		}
	}
}
