package syntax

import (
	"reflect"

	"github.com/quaestor-kg/quaestor/kg"
)

// Equal reports whether two trees are the same but for their places in the
// text. It is meant for tests.
func Equal(a, b any) bool { return sameValue(reflect.ValueOf(a), reflect.ValueOf(b)) }

var (
	posType  = reflect.TypeFor[Pos]()
	termType = reflect.TypeFor[kg.Term]()
)

func sameValue(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Type() {
	case posType:
		return true
	case termType:
		return a.Interface().(kg.Term).Equal(b.Interface().(kg.Term))
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		return sameValue(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}
