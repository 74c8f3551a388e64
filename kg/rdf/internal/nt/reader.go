package nt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"unsafe"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// chunkSize is how much text one worker gets at once: large enough that
// handing over costs nothing, small enough that a few fit the caches.
const chunkSize = 256 << 10

// batchSize is the most quads the sequential reader hands over at once.
const batchSize = 1024

// Options of Read.
type Options struct {
	Quads      bool
	Prefix     string // of blank node labels
	File       string // for errors
	Lenient    bool   // report bad lines to OnError and go on
	OnError    func(error)
	OnProgress func(bytes int64)
	Workers    int

	chunk int // size of chunks, for tests; 0 means chunkSize
}

// Read returns the quads of r in batches, in the order of the text. A batch
// is valid until the next one is asked for; its strings stay valid, and may
// keep alive the chunk of text (256 KiB) they are part of. Read returns only
// after its last call of r.Read has returned.
func Read(ctx context.Context, r io.Reader, o Options) iter.Seq2[[]kg.TermQuad, error] {
	return func(yield func([]kg.TermQuad, error) bool) {
		c := &chunker{r: r, size: cmp.Or(o.chunk, chunkSize)}
		if o.Workers > 1 {
			parallel(ctx, c, o, yield)
			return
		}
		sequential(ctx, c, o, yield)
	}
}

// chunk is a text of whole lines.
type chunk struct {
	text string
	skip int // bytes of the document before the text that belong to no line: a byte order mark
}

// text views bytes that will not change any more as a string.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// chunker cuts a stream into chunks.
type chunker struct {
	r     io.Reader
	size  int
	tail  []byte // start of a line whose end is not read yet
	begun bool
	err   error
}

// errLine is replaced by an error with a place.
var errLine = errors.New("line too long")

// next returns the next chunk; its text is empty only with an error or at the
// end (io.EOF).
func (c *chunker) next() (chunk, error) {
	if c.err != nil {
		return chunk{}, c.err
	}
	buf := make([]byte, max(c.size, 2*len(c.tail)))
	n := copy(buf, c.tail)
	c.tail = nil
	for {
		m, err := io.ReadFull(c.r, buf[n:])
		scanned := n
		n += m
		if err != nil {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			c.err = err
			if err != io.EOF {
				// Lines that arrived whole are good; the rest cannot be judged.
				n = bytes.LastIndexByte(buf[:n], '\n') + 1
			}
			if n == 0 {
				return chunk{}, err
			}
			return c.finish(buf[:n]), nil
		}
		end := bytes.LastIndexByte(buf[scanned:n], '\n')
		if end >= 0 {
			end += scanned + 1
		} else if end = bytes.LastIndexByte(buf[:n-1], '\r') + 1; end == 0 {
			if n > scan.MaxLine {
				c.err = errLine
				return chunk{}, errLine
			}
			buf = append(buf, make([]byte, len(buf))...)
			continue
		}
		c.tail = buf[end:n:n]
		return c.finish(buf[:end:end]), nil
	}
}

// finish drops a byte order mark from the first chunk.
func (c *chunker) finish(b []byte) chunk {
	k := chunk{text: text(b)}
	if !c.begun {
		c.begun = true
		if bytes.HasPrefix(b, []byte("\xEF\xBB\xBF")) {
			k.text, k.skip = k.text[3:], 3
		}
	}
	return k
}

// fault adds place and file to an error of a parser.
func (o Options) fault(err *scan.Error, base scan.Place) error {
	if err.Line == 1 {
		err.Col += base.Col() - 1
	}
	err.Line += base.Lines
	err.Offset += base.Offset
	err.File = o.File
	return err
}

// failed turns an error of the chunker into the reader's, nil at the end.
func (o Options) failed(err error, at scan.Place) error {
	switch err {
	case io.EOF:
		return nil
	case errLine:
		return at.Error(o.File, "the line is longer than 161 MiB", "is this a text file with one statement per line?")
	}
	return err
}

func sequential(ctx context.Context, c *chunker, o Options, yield func([]kg.TermQuad, error) bool) {
	p := Parser{Quads: o.Quads, Prefix: o.Prefix}
	batch := make([]kg.TermQuad, batchSize)
	var at scan.Place
	for {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		k, err := c.next()
		if err != nil {
			if err := o.failed(err, at); err != nil {
				yield(nil, err)
			}
			return
		}
		at.Offset += int64(k.skip)
		p.Reset(k.text)
		n := 0
		for more := true; more; {
			ok, err := p.Next(&batch[n])
			if ok {
				n++
			}
			more = ok || err != nil
			if n == len(batch) || n > 0 && (!more || err != nil) {
				if !yield(batch[:n], nil) {
					return
				}
				n = 0
			}
			if err != nil {
				err := o.fault(err, at)
				if !o.Lenient {
					yield(nil, err)
					return
				}
				if o.OnError != nil {
					o.OnError(err)
				}
			}
		}
		at.Skip(k.text)
		if o.OnProgress != nil {
			o.OnProgress(at.Offset)
		}
	}
}

// job is a chunk on its way through a worker.
type job struct {
	chunk
	err   error         // of the chunker: the last job
	ready chan struct{} // receives when quads and faults are there
	quads []kg.TermQuad
	// faults are the errors with the number of quads before each.
	faults []placed
	end    scan.Place // of the text, from its start
}

type placed struct {
	before int
	err    *scan.Error
}

// parallel keeps up to two chunks per worker in flight. Jobs travel twice:
// into work, where any worker takes them, and into order, where the consumer
// waits for each in turn.
func parallel(ctx context.Context, c *chunker, o Options, yield func([]kg.TermQuad, error) bool) {
	depth := 2 * o.Workers
	work := make(chan *job, depth)
	order := make(chan *job, depth)
	free := make(chan *job, depth+o.Workers+2)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)

	wg.Go(func() {
		defer close(work)
		defer close(order)
		for {
			var j *job
			select {
			case j = <-free:
			default:
				j = &job{ready: make(chan struct{}, 1), quads: make([]kg.TermQuad, 0, batchSize)}
			}
			j.chunk, j.err = c.next()
			if j.err == nil {
				select {
				case work <- j:
				case <-stop:
					return
				}
			}
			select {
			case order <- j:
			case <-stop:
				return
			}
			if j.err != nil {
				return
			}
		}
	})
	for range o.Workers {
		wg.Go(func() {
			p := Parser{Quads: o.Quads, Prefix: o.Prefix}
			for j := range work {
				j.parse(&p, o.Lenient)
				j.ready <- struct{}{}
			}
		})
	}

	var at scan.Place
	for j := range order {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		if j.err != nil {
			if err := o.failed(j.err, at); err != nil {
				yield(nil, err)
			}
			return
		}
		select {
		case <-j.ready:
		case <-ctx.Done():
			yield(nil, ctx.Err())
			return
		}
		at.Offset += int64(j.skip)
		from := 0
		for _, f := range j.faults {
			if f.before > from && !yield(j.quads[from:f.before], nil) {
				return
			}
			from = f.before
			err := o.fault(f.err, at)
			if !o.Lenient {
				yield(nil, err)
				return
			}
			if o.OnError != nil {
				o.OnError(err)
			}
		}
		if from < len(j.quads) && !yield(j.quads[from:], nil) {
			return
		}
		at.Add(j.end)
		if o.OnProgress != nil {
			o.OnProgress(at.Offset)
		}
		j.text = ""
		select {
		case free <- j:
		default:
		}
	}
}

// parse fills quads and faults. Without lenience it stops at the first fault.
func (j *job) parse(p *Parser, lenient bool) {
	p.Reset(j.text)
	j.quads, j.faults = j.quads[:0], j.faults[:0]
	for {
		if len(j.quads) == cap(j.quads) {
			j.quads = append(j.quads, kg.TermQuad{})[:len(j.quads)]
		}
		next := j.quads[:len(j.quads)+1]
		ok, err := p.Next(&next[len(j.quads)])
		if ok {
			j.quads = next
			continue
		}
		if err == nil {
			break
		}
		j.faults = append(j.faults, placed{len(j.quads), err})
		if !lenient {
			break
		}
	}
	j.end = scan.Place{}
	j.end.Skip(j.text)
}
