package method

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Method is a named composition. A specification with SHARE in it takes a
// share after the name, as in snapkv@0.25.
type Method struct {
	Name   string
	Spec   string
	Share  string // the share when none is given; "" = takes none
	Source string
	Note   string
}

const (
	exactBoth = "k=f16,v=f16"
	cbh       = "k=centre+balance+hadamard+gB,v=centre+balance+hadamard+gB"
)

func bits(spec string, k, v int) string {
	spec = strings.Replace(spec, "gB", "g"+strconv.Itoa(k), 1)
	return strings.Replace(spec, "gB", "g"+strconv.Itoa(v), 1)
}

// Methods lists every named composition, in the order of the table.
var Methods = []Method{
	{"f32", "f32", "", "reference", "keys and values as computed"},
	{"f16", "f16", "", "reference", "the default; everything is compared with it"},
	{"q8_0", "k=q8_0,v=q8_0", "", "llama.cpp", "blocks of 32 along a vector"},
	{"q8_0/q4_0", "k=q8_0,v=q4_0", "", "llama.cpp", ""},
	{"q5_0", "k=q5_0,v=q5_0", "", "llama.cpp", ""},
	{"q4_0", "k=q4_0,v=q4_0", "", "llama.cpp", "plain, without rotation"},
	{"q4_0h", "k=hadamard+q4_0,v=hadamard+q4_0", "", "llama.cpp PR 21038", "q4_0 of rotated vectors"},
	{"k8v4", "k=q8_0,v=hadamard+g4", "", "composition C1", "keys decide, values are nearly free"},
	{"cbh8", bits(cbh, 8, 8), "", "centre, balance, Hadamard, RMS grid", ""},
	{"cbh6", bits(cbh, 6, 6), "", "centre, balance, Hadamard, RMS grid", ""},
	{"cbh4", bits(cbh, 4, 4), "", "composition C2", "one scale a vector"},
	{"cbh3", bits(cbh, 3, 3), "", "centre, balance, Hadamard, RMS grid", ""},
	{"cbh2", bits(cbh, 2, 2), "", "centre, balance, Hadamard, RMS grid", "experimental"},
	{"ch4", "k=centre+hadamard+g4,v=centre+hadamard+g4", "", "cbh4 without balance", ""},
	{"h4", "k=hadamard+g4,v=hadamard+g4", "", "cbh4 without centre and balance", "QuEST's grid alone"},
	{"g4", "k=g4,v=g4", "", "cbh4 without any map", ""},
	{"k4v3", bits(cbh, 4, 3), "", "composition C3", ""},
	{"k4v2", bits(cbh, 4, 2), "", "composition C3", ""},
	{"turbo4", "k=hadamard+l4,v=hadamard+l4", "", "TurboQuant arXiv 2504.19874", "Lloyd-Max levels, without the sketch"},
	{"turbo3", "k=hadamard+l3,v=hadamard+l3", "", "TurboQuant arXiv 2504.19874", ""},
	{"kivi4", "k=channel+a4:32,v=a4:32", "", "KIVI arXiv 2402.02750", "keys along channels, values along vectors"},
	{"kivi2", "k=channel+a2:32,v=a2:32", "", "KIVI arXiv 2402.02750", ""},
	{"kivi2m", "k=channel+m2:32,v=m2:32", "", "composition C4", "KIVI with mid-rise levels"},
	{"kvquant4", "k=pre+range+outliers1+t4,v=outliers1+n4", "", "KVQuant arXiv 2401.18079", "fitted levels, one outlier a vector"},
	{"kvquant3", "k=pre+range+outliers1+t3,v=outliers1+n3", "", "KVQuant arXiv 2401.18079", "composition C5"},
	{"kvquant2", "k=pre+range+outliers1+t2,v=outliers1+n2", "", "KVQuant arXiv 2401.18079", ""},
	{"gear2", "k=lowrank2+outliers1+channel+a2:64,v=lowrank2+outliers1+a2:64", "", "GEAR arXiv 2403.05527", "low rank and outliers of every page"},
	{"gearl2", "k=lowrank2+channel+a2:64,v=lowrank2+a2:64", "", "GEAR arXiv 2403.05527", "without outliers"},
	{"mikv", "k=balance+f16,v=f16,kl=a2:32,vl=a2:32,high=0.25,score=accumulated", "", "MiKV arXiv 2402.18096", "a quarter in 16 bits, the rest in 2"},
	{"zipcache", "k=channel+a4:64,v=separable+a4,kl=channel+a2:64,vl=separable+a2,high=0.6,score=accumulated,shared", "", "ZipCache arXiv 2405.14256", "60 % in 4 bits, the rest in 2"},
	{"rotatekv2", "k=pre+hadamard+a2~0.8,v=hadamard+a2~0.8", "", "RotateKV arXiv 2501.16383", "groups of one head: three heads form no larger ones"},
	{"rotatekv2p", "k=hadamard+a2~0.8,v=hadamard+a2~0.8", "", "RotateKV arXiv 2501.16383", "rotated after position"},
	{"cskv", "k=pre+centre+rank38+f16,v=centre+rank38+f16", "", "CSKV arXiv 2409.10593", "a fifth of the channels, without training"},
	{"cskv4", "k=pre+centre+rank96+a4:32,v=centre+rank96+a4:32", "", "CSKV arXiv 2409.10593", "half of the channels in 4 bits"},
	{"kvheads96", "k=centre+rank96+f16,v=centre+rank96+f16", "", "KV heads arXiv 2406.07056", "half of the channels, after position"},
	{"kvheads128", "k=centre+rank128+f16,v=centre+rank128+f16", "", "KV heads arXiv 2406.07056", "two thirds of the channels"},
	{"saq", "k=nested+channel+a4:32,v=nested+a4:32,demote=512", "", "SAQ arXiv 2410.18441", "4 bits, from 512 positions on their upper 2"},
	{"prefixkv", exactBoth + ",keep=SHARE,score=accumulated,budget=threshold,shared", "0.5", "PrefixKV arXiv 2412.03409", "one threshold of importance for all layers"},
	{"uncomp", exactBoth + ",keep=SHARE,score=snap,budget=entropy", "0.5", "UNComp arXiv 2410.03090", "budgets by the entropy of the queries"},
	{"compresskv", exactBoth + ",keep=SHARE,score=retrieved,budget=error,shared", "0.25", "CompressKV arXiv 2508.02401", "scores of retrieval heads, budgets by error"},
	{"kvcrush", exactBoth + ",keep=SHARE,score=snap,crush=0.12", "0.25", "KVCrush arXiv 2503.00022", "an eighth are representatives"},
	{"snapkv", exactBoth + ",keep=SHARE,score=snap", "0.25", "SnapKV arXiv 2404.14469", "attention of the last 64 queries"},
	{"knorm", exactBoth + ",keep=SHARE,score=norm", "0.5", "kvpress", "small keys"},
	{"keydiff", exactBoth + ",keep=SHARE,score=keydiff", "0.5", "kvpress", "keys unlike the mean"},
	{"lagkv", exactBoth + ",keep=SHARE,score=lag", "0.5", "kvpress", "keys and values that vary most against the next chunk"},
	{"expected", exactBoth + ",keep=SHARE,score=expected", "0.5", "kvpress", "attention of queries to come"},
	{"actqkv", exactBoth + ",keep=SHARE,score=activation", "0.5", "ActQKV arXiv 2502.13542", "probes weighed by how unusual they are"},
	{"pages", exactBoth + ",pages=SHARE", "0.25", "retrieval by mean keys", "all positions stay, a query reads some pages"},
	{"louiskv", exactBoth + ",pages=SHARE,reuse=0.7", "0.25", "LouisKV arXiv 2510.11292", "pages chosen anew only when queries turn"},
	{"actpages", exactBoth + ",pages=SHARE,probe", "0.25", "ActQKV arXiv 2502.13542", "pages chosen by a probe, share by entropy"},
	{"prflash", exactBoth + ",pages=distance", "", "PrFlashAttention", "pages read with probability 1/(1+distance): the damage to a trained model"},
	{"cbhmix", bits(cbh, 4, 4) + ",bits=SHARE", "3.5", "composition C6", "bits of each layer by damage"},
	{"tier", "k=centre+balance+hadamard+g4,v=centre+balance+hadamard+g4,kl=g2,vl=g2,high=0.25,score=snap", "", "composition C7", "a quarter in 4 bits, the rest in 2"},
	{"cbh4evict", bits(cbh, 4, 4) + ",keep=SHARE,score=keydiff", "0.5", "composition C8", "4 bits, half of the positions"},
}

// named finds the method that a specification names, and its share.
func named(text string) (m Method, share string, ok bool, err error) {
	name, share, given := strings.Cut(text, "@")
	i := slices.IndexFunc(Methods, func(m Method) bool { return m.Name == name })
	if i < 0 {
		if given {
			return m, "", false, fmt.Errorf("unknown cache method %q; `quaestor model kv` lists them", name)
		}
		return m, "", false, nil
	}
	m = Methods[i]
	switch {
	case given && m.Share == "":
		return m, "", false, fmt.Errorf("method %s takes no share, leave out %q", name, "@"+share)
	case !given:
		share = m.Share
	default:
		x, e := strconv.ParseFloat(share, 64)
		if top := 1.0; e != nil || !(x > 0) || name != "cbhmix" && x > top {
			return m, "", false, fmt.Errorf("method %s@%s: want a share above 0 and at most 1", name, share)
		}
	}
	return m, share, true, nil
}

// Argued is a method of the literature that is not built, and why.
type Argued struct{ Name, Source, Why string }

// NotBuilt lists them.
var NotBuilt = []Argued{
	{"HyperAttention", "arXiv 2310.05869", "approximates the attention of long prompts; a query being decoded is alone and has nothing to sort by, and prompts here end below its threshold of 4,096"},
	{"NaLaFormer", "arXiv 2506.21137", "replaces softmax by a linear feature map and needs training; its split of keys into norm and direction is the Lloyd format (turbo4)"},
	{"KDGQA", "arXiv 2408.08454", "assigns query heads to key heads during training; the shape of a trained model is given"},
	{"Sigma", "arXiv 2501.13629", "trains with fewer key than value heads; the shape of a trained model is given"},
	{"PowerNorm", "arXiv 2003.07845", "a norm with running statistics, chosen before training"},
	{"OFQ", "arXiv 2302.02210", "quantisation-aware training against oscillating weights"},
	{"QuEST", "arXiv 2502.05003", "the training part; its grid is the RMS format (g)"},
	{"ShiftQuant", "arXiv 2411.10948", "integer training with scales of powers of two; for storage alone they double the error"},
	{"A2ATS codebooks", "arXiv 2502.12665", "4,096 centroids for each key head take more memory than the 4-bit cache below 8k positions; its metric E[qqᵀ] is measured by bench kv"},
	{"QJL", "arXiv 2406.03482", "the unbiased sketch adds variance that softmax amplifies"},
}
