package main

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"quaestor": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		// code runs the rest of its line and fails unless it ends with that code.
		"code": func() {
			want, err := strconv.Atoi(os.Args[1])
			if err != nil {
				os.Exit(99)
			}
			if got := run(context.Background(), os.Args[3:], os.Stdin, os.Stdout, os.Stderr); got != want {
				os.Stderr.WriteString("exit code " + strconv.Itoa(got) + ", want " + os.Args[1] + "\n")
				os.Exit(98)
			}
		},
	})
}

// TestScripts runs the commands as a user does; the scripts can be read aloud.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv("HOME", e.WorkDir+"/home")
		e.Setenv("XDG_DATA_HOME", e.WorkDir+"/data")
		return nil
	}})
}
