package weights

import (
	"maps"
	"slices"
)

// Metadata is the key-value part of a GGUF file. Values are Go numbers of the
// stored width, bool, string, or slices of these.
type Metadata map[string]any

// Keys returns all keys, sorted.
func (m Metadata) Keys() []string { return slices.Sorted(maps.Keys(m)) }

// String returns a string value; "" if the key is absent or of another type.
func (m Metadata) String(key string) string {
	s, _ := m[key].(string)
	return s
}

// Bool returns a truth value, or def if the key is absent.
func (m Metadata) Bool(key string, def bool) bool {
	if b, ok := m[key].(bool); ok {
		return b
	}
	return def
}

// Int returns an integer of any width; false if the key is absent, not an
// integer, or beyond int.
func (m Metadata) Int(key string) (int, bool) {
	switch v := m[key].(type) {
	case uint8:
		return int(v), true
	case int8:
		return int(v), true
	case uint16:
		return int(v), true
	case int16:
		return int(v), true
	case uint32:
		return int(v), int(v) >= 0
	case int32:
		return int(v), true
	case uint64:
		return int(v), int(v) >= 0 && uint64(int(v)) == v
	case int64:
		return int(v), int64(int(v)) == v
	}
	return 0, false
}

// Float returns a number as float64; false if the key is absent.
func (m Metadata) Float(key string) (float64, bool) {
	switch v := m[key].(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	i, ok := m.Int(key)
	return float64(i), ok
}

// Strings returns an array of strings, nil if the key is absent.
func (m Metadata) Strings(key string) []string {
	s, _ := m[key].([]string)
	return s
}

// Ints returns an array of int32 (or uint32), nil if the key is absent.
func (m Metadata) Ints(key string) []int32 {
	switch v := m[key].(type) {
	case []int32:
		return v
	case []uint32:
		out := make([]int32, len(v))
		for i, x := range v {
			out[i] = int32(x)
		}
		return out
	}
	return nil
}

// Floats returns an array of float32, nil if the key is absent.
func (m Metadata) Floats(key string) []float32 {
	v, _ := m[key].([]float32)
	return v
}

// Bytes returns an array of 8-bit numbers, nil if the key is absent.
func (m Metadata) Bytes(key string) []byte {
	switch v := m[key].(type) {
	case []uint8:
		return v
	case []int8:
		out := make([]byte, len(v))
		for i, x := range v {
			out[i] = byte(x)
		}
		return out
	}
	return nil
}
