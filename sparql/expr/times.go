package expr

import (
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// timeFunctions are the functions of SPARQL 1.1, section 17.4.5.
var timeFunctions = map[string]function{
	"NOW":     func(c *Ctx, _ []Value) Value { return Value{K: Time, P: c.Now} },
	"YEAR":    field(func(d xsd.DateTime) int64 { return d.Year }, xsd.DateKind, xsd.GYear, xsd.GYearMonth),
	"MONTH":   field(func(d xsd.DateTime) int64 { return int64(d.Month) }, xsd.DateKind, xsd.GYearMonth, xsd.GMonth, xsd.GMonthDay),
	"DAY":     field(func(d xsd.DateTime) int64 { return int64(d.Day) }, xsd.DateKind, xsd.GMonthDay, xsd.GDay),
	"HOURS":   field(func(d xsd.DateTime) int64 { return int64(d.Hour) }, xsd.TimeOfDay),
	"MINUTES": field(func(d xsd.DateTime) int64 { return int64(d.Minute) }, xsd.TimeOfDay),
	"SECONDS": func(_ *Ctx, v []Value) Value {
		d, ok := v[0].P.(xsd.DateTime)
		if !ok || d.Kind != xsd.DateTimeKind && d.Kind != xsd.TimeOfDay {
			return errValue
		}
		return number(xsd.Dec(d.Seconds()))
	},
	"TIMEZONE": func(_ *Ctx, v []Value) Value {
		d, ok := v[0].P.(xsd.DateTime)
		if !ok || !d.HasTZ {
			return errValue
		}
		return Value{K: Dur, P: d.Zone()}
	},
	"TZ": func(_ *Ctx, v []Value) Value {
		d, ok := v[0].P.(xsd.DateTime)
		switch {
		case !ok:
			return errValue
		case !d.HasTZ:
			return str("")
		}
		return str(xsd.ZoneString(d.TZ))
	},
}

// field reads a component of a dateTime or of one of the other kinds.
func field(get func(xsd.DateTime) int64, kinds ...xsd.TimeKind) function {
	return func(_ *Ctx, v []Value) Value {
		d, ok := v[0].P.(xsd.DateTime)
		if !ok {
			return errValue
		}
		ok = d.Kind == xsd.DateTimeKind
		for _, k := range kinds {
			ok = ok || d.Kind == k
		}
		if !ok {
			return errValue
		}
		return integer(get(d))
	}
}

// addTimes adds durations to times and to each other.
func addTimes(a, b Value) (Value, error) {
	if a.K == Dur && b.K == Time {
		a, b = b, a
	}
	d, ok := b.P.(xsd.Duration)
	if !ok {
		return errValue, xsd.ErrType
	}
	switch x := a.P.(type) {
	case xsd.DateTime:
		t, err := x.AddDuration(d)
		return Value{K: Time, P: t}, err
	case xsd.Duration:
		s, err := x.Add(d)
		return Value{K: Dur, P: s}, err
	}
	return errValue, xsd.ErrType
}

func subTimes(a, b Value) (Value, error) {
	switch y := b.P.(type) {
	case xsd.Duration:
		if a.K == Time || a.K == Dur {
			return addTimes(a, Value{K: Dur, P: y.Neg()})
		}
	case xsd.DateTime:
		if x, ok := a.P.(xsd.DateTime); ok {
			d, err := x.Sub(y)
			return Value{K: Dur, P: d}, err
		}
	}
	return errValue, xsd.ErrType
}
