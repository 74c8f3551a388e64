package store

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

var crashRounds = flag.Int("crash-rounds", 24, "how often the crash test kills its child")

// The child of the crash test counts in the store: commit i holds the five
// quads of each number up to i, loads among them. It prints i once a commit
// is acknowledged.
const childEnv = "QUAESTOR_CRASH_CHILD"

func TestMain(m *testing.M) {
	if disk := os.Getenv(fullEnv); disk != "" {
		if err := fullChild(disk); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(childEnv); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func crashOptions() Options {
	o := testOptions()
	o.Durability = Commit
	o.MemTableSize = 4 << 20
	o.MaxDelta = 300 // compactions in the background, too
	return o
}

const perCommit = 5

func crashQuads(i int) []kg.TermQuad {
	var out []kg.TermQuad
	for j := range perCommit {
		out = append(out, kg.TermQuad{
			S: kg.NewIRI(fmt.Sprintf("http://x/commit/%d", i)), P: kg.NewIRI(fmt.Sprintf("http://x/p%d", j)),
			O: kg.NewString(fmt.Sprintf("a text that is not short, %d of %d", j, i)),
		})
	}
	return out
}

// loadSize is the number of commits that a bulk load of the child stands for:
// past what is loaded as an ordinary commit.
const loadSize = smallLoad/perCommit + 100

func crashChild(dir string) error {
	s, err := Open(dir, crashOptions())
	if err != nil {
		return err
	}
	n, err := counted(s)
	if err != nil {
		return err
	}
	fmt.Println(n)
	ctx := context.Background()
	for i := n + 1; ; i++ {
		if i%40 == 0 {
			_, err = s.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
				for k := i; k < i+loadSize; k++ {
					for _, q := range crashQuads(k) {
						if !yield(q, nil) {
							return
						}
					}
				}
			})
			i += loadSize - 1
		} else {
			err = s.Update(ctx, func(tx kg.Tx) error {
				for _, tq := range crashQuads(i) {
					q := kg.Quad{G: kg.DefaultGraph}
					for k, id := range []*kg.ID{&q.S, &q.P, &q.O} {
						if *id, err = tx.Intern([]kg.Term{tq.S, tq.P, tq.O}[k]); err != nil {
							return err
						}
					}
					if _, err := tx.Insert(q); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// counted returns the number n such that the store holds exactly the quads of
// 1 to n, or an error: the state is between two commits.
func counted(s *Store) (int, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	if snap.Size()%perCommit != 0 {
		return 0, fmt.Errorf("%d quads: part of a commit", snap.Size())
	}
	n := int(snap.Size() / perCommit)
	seen := map[int]int{}
	c := snap.Scan(context.Background(), kg.Pattern{}, kg.PSO)
	defer c.Close()
	for c.Next() {
		t, err := snap.Term(c.Quad().S)
		if err != nil {
			return 0, err
		}
		i, err := strconv.Atoi(strings.TrimPrefix(t.Value, "http://x/commit/"))
		if err != nil {
			return 0, err
		}
		seen[i]++
	}
	if c.Err() != nil {
		return 0, c.Err()
	}
	for i := 1; i <= n; i++ {
		if seen[i] != perCommit {
			return 0, fmt.Errorf("%d of %d quads of commit %d, %d in all", seen[i], perCommit, i, n)
		}
	}
	return n, nil
}

// TestKill is case RDF-E02: a process that loads and updates is killed at
// random instants. After every kill the store opens at once and holds all that
// was acknowledged, and of the commit in flight all or nothing.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "store")
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	total, inFlight := 0, 0
	for round := range *crashRounds {
		if round%8 == 7 { // a fresh store now and then: creation is killed too
			dir = filepath.Join(t.TempDir(), fmt.Sprint("store", round))
			total = 0
		}
		cmd := exec.Command(self, "-test.run=^$")
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acked := make(chan int)
		started := make(chan bool, 1)
		go func() {
			last := total
			for sc := bufio.NewScanner(out); sc.Scan(); {
				if n, err := strconv.Atoi(sc.Text()); err == nil {
					last = n
				} else {
					t.Errorf("child: %s", sc.Text())
				}
				select {
				case started <- true:
				default:
				}
			}
			acked <- last
		}()
		if round%4 != 0 { // a quarter of the kills falls into the start
			<-started
		}
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		last := <-acked
		cmd.Wait() // it was killed
		s, err := Open(dir, crashOptions())
		if err != nil {
			t.Fatalf("round %d: open after the kill: %v", round, err)
		}
		n, err := counted(s)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if n < last {
			t.Fatalf("round %d: %d commits acknowledged, %d left", round, last, n)
		}
		if n > last {
			inFlight++
		}
		if round%4 == 3 {
			if err := s.Verify(t.Context(), nil); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		total = n
	}
	t.Logf("%d kills; %d times the commit in flight survived", *crashRounds, inFlight)
}

// contents reads everything a store holds, or says that it is damaged.
func contents(dir string, o Options) (quads int64, version uint64, err error) {
	s, err := Open(dir, o)
	if err != nil {
		return 0, 0, err
	}
	defer s.Close()
	snap, err := s.Snapshot()
	if err != nil {
		return 0, 0, err
	}
	defer snap.Close()
	ids := map[kg.ID]bool{}
	for o := range kg.Order(kg.Orders) {
		n := int64(0)
		c := snap.Scan(context.Background(), kg.Pattern{}, o)
		for c.Next() {
			n++
			q := c.Quad()
			ids[q.S], ids[q.P], ids[q.O] = true, true, true
		}
		c.Close()
		if c.Err() != nil {
			return 0, 0, c.Err()
		}
		if o != kg.SPO && n != quads {
			return 0, 0, fmt.Errorf("order %s has %d quads, not %d", o, n, quads)
		}
		quads = n
	}
	for id := range ids {
		if _, err := snap.Term(id); err != nil {
			return 0, 0, err
		}
	}
	return quads, snap.Version(), nil
}

func copyStore(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// damaged makes a store with a load and some commits after it, closed in order
// or left as by a kill.
func damaged(t *testing.T, dir string, clean bool) (quads int64) {
	t.Helper()
	o := crashOptions()
	s := open(t, dir, o)
	_, err := s.Load(t.Context(), shop(9_000))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 10; i++ {
		list := crashQuads(i)
		if _, err := s.Load(t.Context(), func(yield func(kg.TermQuad, error) bool) {
			for _, q := range list {
				if !yield(q, nil) {
					return
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	quads = snap.Size()
	snap.Close()
	if !clean {
		copyStore(t, dir, dir+".killed")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir+".killed", dir); err != nil {
			t.Fatal(err)
		}
		return quads
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return quads
}

// TestDamageIsNeverSilent flips bytes and cuts files of every kind. The store
// must either hold all that it held, or report damage: fewer quads without an
// error is the one failure.
func TestDamageIsNeverSilent(t *testing.T) {
	rounds := 10
	if *crashRounds > 100 {
		rounds = *crashRounds / 4
	}
	r := rand.New(rand.NewPCG(5, 5))
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("clean=%t", clean), func(t *testing.T) {
			whole := filepath.Join(t.TempDir(), "whole")
			want := damaged(t, whole, clean)
			if got, _, err := contents(filepath.Join(whole), crashOptions()); err != nil || got != want {
				t.Fatalf("before any damage: %d quads of %d, %v", got, want, err)
			}
			damaged := damagedFiles(t, whole)
			found := 0
			for round := range rounds * len(damaged) {
				name := damaged[round%len(damaged)]
				bad := filepath.Join(t.TempDir(), "bad")
				copyStore(t, whole, bad)
				what := damage(t, r, filepath.Join(bad, name))
				got, _, err := contents(bad, crashOptions())
				switch {
				case err == nil && got != want:
					t.Errorf("%s of %s: %d quads of %d, and no error", what, name, got, want)
				case err != nil && !errors.Is(err, kg.ErrCorrupt) && !errors.Is(err, kg.ErrFormat) && !strings.Contains(err.Error(), "no store of Quaestor"):
					t.Errorf("%s of %s: not reported as damage: %v", what, name, err)
				case err != nil:
					found++
				}
				os.RemoveAll(bad)
			}
			if found == 0 {
				t.Error("no damage was found at all")
			}
			t.Logf("%d of %d damages were found, the others did not matter", found, rounds*len(damaged))
		})
	}
}

func damagedFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		switch name := info.Name(); {
		case strings.HasSuffix(name, ".sst"), strings.HasSuffix(name, ".mem"), name == "MANIFEST", name == "WITNESS", name == "FORMAT":
			rel, err := filepath.Rel(dir, path)
			names = append(names, rel)
			return err
		}
		return nil
	})
	if err != nil || len(names) < 4 {
		t.Fatalf("files %v, %v", names, err)
	}
	return names
}

// damage flips a byte of the written part of a file, or cuts it.
func damage(t *testing.T, r *rand.Rand, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(b)
	for used > 0 && b[used-1] == 0 {
		used--
	}
	if used == 0 {
		return "nothing"
	}
	at := r.IntN(used)
	if r.IntN(3) == 0 {
		if err := os.Truncate(path, int64(at)); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("cut at %d", at)
	}
	b[at] ^= 1 << r.IntN(8)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("flip at %d", at)
}

func TestOpenedTwice(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, testOptions())
	if _, err := Open(dir, testOptions()); !errors.Is(err, kg.ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, testOptions()).Close()
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, testOptions()).Close()
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("quaestor store 99\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, testOptions()); !errors.Is(err, kg.ErrFormat) || !strings.Contains(err.Error(), "99") {
		t.Errorf("newer format: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "letter.txt"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other, testOptions()); err == nil || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("a folder with other files: %v", err)
	}
}

// TestFullDisk is case RDF-E07 with the free space as the store is told it: the
// update is refused and has no effect, questions go on, and with space again
// writing goes on too.
func TestFullDisk(t *testing.T) {
	free := int64(1 << 40)
	o := testOptions()
	o.MinFree = 64 << 20
	o.FreeSpace = func(string) (int64, error) { return free, nil }
	dir := t.TempDir()
	s := open(t, dir, o)
	add := func(i int) error {
		_, err := s.Load(t.Context(), func(yield func(kg.TermQuad, error) bool) { yield(crashQuads(i)[0], nil) })
		return err
	}
	wait := func() { time.Sleep(120 * time.Millisecond) } // the answer is cached for 100 ms
	if err := add(1); err != nil {
		t.Fatal(err)
	}
	free = 1 << 20
	wait()
	if err := add(2); !errors.Is(err, kg.ErrDiskFull) {
		t.Fatalf("full disk: %v", err)
	}
	if _, err := s.Load(t.Context(), shop(9000)); !errors.Is(err, kg.ErrDiskFull) {
		t.Fatalf("full disk: %v", err)
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if snap.Size() != 1 || snap.Version() != 1 {
		t.Errorf("a refused update left %d quads, version %d", snap.Size(), snap.Version())
	}
	snap.Close()
	free = 1 << 40
	wait()
	if err := add(3); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := contents(dir, o); n != 2 || err != nil {
		t.Errorf("%d quads, %v", n, err)
	}
}

func TestReadOnlyAndPoisoned(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, testOptions())
	s.poison(errors.New("the disk said no"))
	err := s.Update(t.Context(), func(kg.Tx) error { return nil })
	if !errors.Is(err, kg.ErrReadOnly) || !strings.Contains(err.Error(), "the disk said no") {
		t.Errorf("after a failed write: %v", err)
	}
	if snap, err := s.Snapshot(); err != nil || snap.Close() != nil {
		t.Errorf("reading after a failed write: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.ReadOnly = true
	s = open(t, dir, o)
	defer s.Close()
	if err := s.Update(t.Context(), func(kg.Tx) error { return nil }); !errors.Is(err, kg.ErrReadOnly) {
		t.Errorf("opened read-only: %v", err)
	}
}

func TestNamedSnapshots(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, testOptions())
	ctx := t.Context()
	add := func(n int) {
		t.Helper()
		if _, err := s.Load(ctx, shop(n)); err != nil {
			t.Fatal(err)
		}
	}
	add(50)
	if _, err := s.SaveSnapshot(ctx, "fifty"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveSnapshot(ctx, "fifty"); err == nil {
		t.Error("a name was taken twice")
	}
	if _, err := s.SaveSnapshot(ctx, "12"); err == nil {
		t.Error("a version was taken as name")
	}
	add(9_000)
	add(9_500)
	check := func() {
		t.Helper()
		for _, name := range []string{"fifty", "1"} {
			snap, err := s.SnapshotAt(name)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			c := snap.Scan(ctx, kg.Pattern{}, kg.OSP)
			for c.Next() {
				n++
				if _, err := snap.Term(c.Quad().O); err != nil {
					t.Fatal(err)
				}
			}
			if n != 50 || c.Err() != nil || snap.Version() != 1 {
				t.Errorf("snapshot %s: %d quads, version %d, %v", name, n, snap.Version(), c.Err())
			}
			snap.Close()
		}
		if err := s.Verify(ctx, nil); err != nil {
			t.Error(err)
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, testOptions())
	defer s.Close()
	check()
	if _, err := s.SnapshotAt("2"); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("version 2: %v", err)
	}
	list, err := s.Snapshots()
	if err != nil || len(list) != 1 || list[0].Name != "fifty" || list[0].Quads != 50 {
		t.Errorf("list: %+v, %v", list, err)
	}
	if err := s.DropSnapshot(ctx, "fifty"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SnapshotAt("fifty"); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("dropped: %v", err)
	}
	if err := s.Verify(ctx, nil); err != nil {
		t.Error(err)
	}
}
