package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/api/graphqlapi"
	"github.com/quaestor-kg/quaestor/api/httpapi"
	"github.com/quaestor-kg/quaestor/api/sparqlhttp"
	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/internal/demofilings"
	"github.com/quaestor-kg/quaestor/internal/demograph"
	"github.com/quaestor-kg/quaestor/internal/demograph/links"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/store"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/web"
)

func (a *app) serveCommand() *cobra.Command {
	var writable bool
	var allowed []string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serves the store: console, SPARQL, GraphQL and questions",
		Long: `Listens on a loopback address and serves the console at /, SPARQL at /sparql,
GraphQL at /graphql, questions at /api/ask, health at /livez and /readyz, and
metrics at /metrics. Ctrl-C finishes running requests and stops.`,
		Example: examples(
			"quaestor serve --store films",
			"quaestor serve --store films --addr 127.0.0.1:8080 --writable",
			"quaestor serve --store films --model smollm2-135m-instruct-q4_1.gguf",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := a.openStore(!writable)
			if err != nil {
				return err
			}
			defer st.Close()
			return a.serve(c.Context(), st, serveOptions{writable: writable, allowedHosts: allowed, feedback: filepath.Join(a.cfg.str("store"), "feedback.jsonl")})
		},
	}
	c.Flags().String("addr", "", "address to listen on (default 127.0.0.1:7878)")
	c.Flags().String("model", "", "decoder: embedded, none, or a GGUF file or safetensors folder (default embedded)")
	c.Flags().String("kv", "", kvFlagHelp)
	c.Flags().String("link", "", linkFlagHelp)
	c.Flags().BoolVar(&writable, "writable", false, "allow SPARQL updates")
	c.Flags().StringSliceVar(&allowed, "allowed-host", nil, "further names that the Host header may hold")
	addLimitFlags(c)
	return c
}

type serveOptions struct {
	writable     bool
	allowedHosts []string
	examples     []api.Example
	feedback     string           // file of what people say about answers; empty: none
	ready        func(url string) // called when the listener is open
}

// serve runs the HTTP service on a store until ctx ends.
func (a *app) serve(ctx context.Context, st *store.Store, o serveOptions) error {
	answerer, err := a.answerer(ctx)
	if err != nil {
		return err
	}
	svc, err := api.New(api.Options{
		Store: st, Answerer: answerer, Inference: answerer.inference, Writable: o.writable, Limits: a.limits(), AskTimeout: a.cfg.duration("ask-timeout"),
		Examples: o.examples, Logger: a.log, Build: version(), FeedbackFile: o.feedback,
	})
	if err != nil {
		return err
	}
	sparqlHandler := sparqlhttp.New(svc, httpapi.WriteError)
	graphqlHandler := graphqlapi.New(svc, httpapi.WriteError)
	srv := httpapi.New(httpapi.Options{
		Service: svc, Logger: a.log, AllowedHosts: o.allowedHosts, DrainTimeout: a.cfg.duration("drain-timeout"),
		Routes: map[string]http.Handler{
			"/sparql": sparqlHandler, "/update": sparqlHandler,
			"/graphql": graphqlHandler, "GET /graphql/schema": graphqlHandler,
			"/": web.Handler(),
		},
	})
	l, err := httpapi.Listen(a.cfg.str("addr"))
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			return wrapf(err, "cannot listen on %s (choose another with --addr, or 127.0.0.1:0 for any free port)", a.cfg.str("addr"))
		}
		return usageError{err}
	}
	url := "http://" + l.Addr().String()
	if o.ready != nil {
		o.ready(url)
	} else {
		fmt.Fprintf(a.err, "Quaestor serves %s (Ctrl-C stops)\n", url)
	}
	go a.warm(ctx, svc)
	return srv.Serve(ctx, l)
}

// warm builds what the first question would otherwise wait for.
func (a *app) warm(ctx context.Context, svc *api.Service) {
	snap, err := svc.Snapshot()
	if err != nil {
		return
	}
	defer snap.Close()
	if w, ok := svc.Options().Answerer.(interface {
		Warm(context.Context, kg.Snapshot) error
	}); ok {
		if err := w.Warm(ctx, snap); err != nil && ctx.Err() == nil {
			a.log.Warn("questions will be slow at first", "err", err)
		}
	}
	if _, err := svc.View(ctx, snap); err != nil && ctx.Err() == nil {
		a.log.Warn("search index not built", "err", err)
	}
}

func (a *app) demoCommand() *cobra.Command {
	var question string
	var once, inferred bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Loads a graph of films and three filings and opens the console on them",
		Long: `Loads the embedded graph of films and three annual reports into a temporary store
(or into --store), serves the console on a loopback address and prints questions to try. With --once and
--ask it answers one question and exits.`,
		Example: examples(
			"quaestor demo",
			"quaestor demo --addr 127.0.0.1:9000",
			`quaestor demo --once --ask "who directed the films written by Nora Ephron" --json`,
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.demo(c.Context(), reasoning.Question{Text: question, Inferred: inferred}, once)
		},
	}
	c.Flags().StringVar(&question, "ask", "", "answer this question first")
	c.Flags().BoolVar(&once, "once", false, "exit after --ask")
	c.Flags().BoolVar(&inferred, "inferred", false, "where the graph states no answer to --ask, say what is likely, marked as such")
	c.Flags().String("addr", "", "address to listen on (default 127.0.0.1:7878)")
	c.Flags().String("model", "", "decoder: embedded, none, or a GGUF file or safetensors folder (default embedded)")
	c.Flags().String("kv", "", kvFlagHelp)
	c.Flags().String("beams", "", "width of the search (default 8)")
	return c
}

func (a *app) demo(ctx context.Context, question reasoning.Question, once bool) error {
	if once && question.Text == "" {
		return usageError{errors.New("--once needs --ask QUESTION")}
	}
	dir := a.cfg.str("store")
	if a.cfg.values["store"].Source == "default" {
		tmp, err := os.MkdirTemp("", "quaestor-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
		a.cfg.values["store"] = setting{tmp, "demo"} // where the link predictor is looked for
		// A store that is deleted at the end has nothing to protect from a crash.
		a.cfg.values["durability"] = setting{"none", "demo"}
	}
	st, err := a.openStoreAt(dir, false)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := a.loadDemo(ctx, st, dir); err != nil {
		return err
	}
	if question.Text != "" {
		question.Beams = a.cfg.num("beams")
		answerer, err := a.answerer(ctx)
		if err != nil {
			return err
		}
		if err := a.askStore(ctx, st, answerer, question, false); err != nil || once {
			return err
		}
	}
	examples := []api.Example{}
	questions := append(slices.Clone(demograph.Questions), demofilings.Questions...)
	for _, q := range questions {
		examples = append(examples, api.Example{Question: q})
	}
	for _, q := range append(slices.Clone(demograph.Queries), demofilings.Queries...) {
		examples = append(examples, api.Example{Title: q.Title, Query: q.Text})
	}
	return a.serve(ctx, st, serveOptions{examples: examples, ready: func(url string) {
		fmt.Fprintf(a.out, "Open %s in a browser (Ctrl-C stops). Questions to try:\n", url)
		for _, q := range questions {
			fmt.Fprintf(a.out, "  %s\n", q)
		}
		fmt.Fprintf(a.out, "and one that is not stated, with inferred answers switched on:\n  %s\n", demograph.Likely)
	}})
}

// loadDemo loads the films, their link predictor and the filings unless the
// store holds something already.
func (a *app) loadDemo(ctx context.Context, st *store.Store, dir string) error {
	snap, err := st.Snapshot()
	if err != nil {
		return err
	}
	size := snap.Size()
	snap.Close()
	if size > 0 {
		return nil
	}
	r, err := demograph.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	bar := a.newProgress("load films", "bytes", 0)
	defer bar.Finish()
	if _, err = st.Load(ctx, rdf.Read(ctx, r, rdf.ReadOptions{Format: rdf.NTriples, File: "films.nt", OnProgress: func(n int64) { bar.Set(n, "") }})); err != nil {
		return err
	}
	if err := links.Install(dir); err != nil {
		return err
	}
	_, err = ingest.Run(ctx, st, demofilings.Units(), ingest.Options{Program: "quaestor " + version()})
	return err
}
