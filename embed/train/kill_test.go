package train

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/embed"
)

// TestMain is also the program that TestKill kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("QUAESTOR_TEST_TRAIN"); path != "" {
		cfg := killed(path)
		_, err := os.Stat(path)
		cfg.Resume = err == nil
		if _, err := Run(context.Background(), family(40), cfg); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func killed(path string) Config {
	return Config{
		Spec: embed.Spec{Model: "complex", Dim: 16}, N3: 0.01, Batch: 8, Group: 1, Epochs: 1 << 20, Patience: -1,
		Path: path, Every: time.Nanosecond, Threads: 1,
	}
}

// TestKill: whenever a training dies, its file is a whole checkpoint that the
// training goes on from.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "x.ckpt")
	rng := rand.New(rand.NewPCG(1, 1))
	at := -1
	for range 6 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "QUAESTOR_TEST_TRAIN="+path)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Long enough for a first checkpoint, and then at any moment.
		for i := 0; i < 1000; i++ {
			if _, err := os.Stat(path); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Duration(50+rng.IntN(100)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // it was killed
		c, err := embed.OpenCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		cfg := killed(path)
		cfg.Resume, cfg.Epochs = true, 1
		cfg.EnsureDefaults()
		g := family(40)
		tr := &trainer{cfg: cfg, g: g, items: group(g, cfg.Group)}
		tr.known, tr.valid = g.NewIndex(g.Train), g.Directed(g.Valid)
		if err := tr.begin(); err != nil {
			t.Fatal(err)
		}
		if tr.st.Epoch < at || len(c.State) == 0 {
			t.Errorf("epoch %d after epoch %d", tr.st.Epoch, at)
		}
		at = tr.st.Epoch
	}
	if at < 1 {
		t.Errorf("the training never got anywhere: epoch %d", at)
	}
}
