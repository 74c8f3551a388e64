package kgtest

import (
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

func TestMem(t *testing.T) {
	Run(t, Opener{Open: func(testing.TB, string) kg.Store { return mem.New() }})
}
