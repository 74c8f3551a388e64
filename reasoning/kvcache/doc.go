// Package kvcache keeps the keys and values of past positions for attention.
//
// A store owns pages of 32 consecutive positions; a sequence is a table of
// pages. Forking a sequence copies the table, not the pages: beams share their
// prompt, and a page is copied only when one of its owners writes to it. When
// several sequences attend together, each shared page is read once for all of
// them.
//
// Attention is computed in ranges of 256 positions that are merged by their
// log-sum-exp: for parts i with o_i = sum e^(s-m_i) v, m_i = max s and
// l_i = sum e^(s-m_i), the whole has m = max m_i, l = sum l_i e^(m_i-m) and
// o = sum o_i e^(m_i-m) / l. The ranges are fixed in positions, never in the
// number of sequences or threads, so a sequence gets the same bits alone and
// in company.
package kvcache
