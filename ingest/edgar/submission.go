package edgar

import (
	"bytes"
	"regexp"
	"strings"
	"time"
)

// IsSubmission reports whether a file is a full submission as EDGAR keeps it:
// a header and many documents in one text file.
func IsSubmission(body []byte) bool {
	head := body[:min(len(body), 4096)]
	return bytes.Contains(head, []byte("<SEC-DOCUMENT>")) || bytes.Contains(head, []byte("<SEC-HEADER>")) || bytes.Contains(head, []byte("<IMS-HEADER>")) ||
		bytes.Contains(head, []byte("<DOCUMENT>")) && bytes.Contains(head, []byte("<TYPE>"))
}

// Split cuts a submission into its documents; those that are no text, such as
// pictures, are left out.
func Split(body []byte) (Header, []File) {
	h := ParseHeader(body[:max(0, indexOr(body, []byte("<DOCUMENT>"), min(len(body), 1<<16)))])
	var files []File
	rest := body
	for {
		i := bytes.Index(rest, []byte("<DOCUMENT>"))
		if i < 0 {
			break
		}
		rest = rest[i+len("<DOCUMENT>"):]
		end := indexOr(rest, []byte("</DOCUMENT>"), len(rest))
		d := rest[:end]
		rest = rest[end:]
		text := indexOr(d, []byte("<TEXT>"), 0)
		f := File{Name: field(d[:text], "<FILENAME>"), Type: field(d[:text], "<TYPE>")}
		b := d[text:]
		b = bytes.TrimPrefix(b, []byte("<TEXT>"))
		b = b[:indexOr(b, []byte("</TEXT>"), len(b))]
		b = bytes.TrimLeft(b, "\r\n")
		for _, tag := range []string{"<XBRL>", "<XML>"} {
			if bytes.HasPrefix(b, []byte(tag)) {
				b = bytes.TrimLeft(b[len(tag):], "\r\n")
				b = b[:indexOr(b, []byte("</"+tag[1:]), len(b))]
			}
		}
		if bytes.HasPrefix(b, []byte("begin 644")) || bytes.HasPrefix(b, []byte("<PDF>")) {
			continue
		}
		if f.Name == "" {
			f.Name = strings.ToLower(strings.ReplaceAll(f.Type, " ", "-")) + ".txt"
		}
		files = append(files, f.with(b))
	}
	if len(files) == 0 {
		files = []File{{Name: "document.txt", Body: body}}
	}
	return h, files
}

func (f File) with(body []byte) File {
	f.Body = body
	return f
}

func indexOr(b, sep []byte, or int) int {
	if i := bytes.Index(b, sep); i >= 0 {
		return i
	}
	return or
}

func field(b []byte, tag string) string {
	i := bytes.Index(b, []byte(tag))
	if i < 0 {
		return ""
	}
	line := b[i+len(tag):]
	return strings.TrimSpace(string(line[:indexOr(line, []byte("\n"), len(line))]))
}

// ParseHeader reads the header of a submission.
func ParseHeader(b []byte) Header {
	var h Header
	for line := range strings.Lines(string(b)) {
		k, v, ok := strings.Cut(strings.TrimSpace(line), ":")
		v = strings.TrimSpace(v)
		if !ok || v == "" {
			continue
		}
		switch strings.TrimSpace(k) {
		case "ACCESSION NUMBER":
			h.Accession = v
		case "CONFORMED SUBMISSION TYPE":
			h.Form = v
		case "CONFORMED PERIOD OF REPORT":
			h.PeriodEnd = day(v)
		case "FILED AS OF DATE":
			h.Filed = day(v)
		case "COMPANY CONFORMED NAME":
			if h.Company == "" {
				h.Company = v
			}
		case "CENTRAL INDEX KEY":
			if h.CIK == "" {
				h.CIK = v
			}
		case "STANDARD INDUSTRIAL CLASSIFICATION":
			if h.SIC == "" {
				h.SIC = v
			}
		case "FISCAL YEAR END":
			if len(v) == 4 && h.FiscalEnd == "" {
				h.FiscalEnd = "--" + v[:2] + "-" + v[2:]
			}
		case "FORMER CONFORMED NAME":
			h.FormerName = append(h.FormerName, v)
		}
	}
	return h
}

// day makes 20240131 a date.
func day(s string) string {
	t, err := time.Parse("20060102", s)
	if err != nil {
		return ""
	}
	return t.Format(time.DateOnly)
}

var (
	accession  = regexp.MustCompile(`(?:^|[^0-9])(\d{10})-(\d{2})-(\d{6})(?:[^0-9]|$)`)
	accession2 = regexp.MustCompile(`(?:^|[^0-9])(\d{10})(\d{2})(\d{6})(?:[^0-9]|$)`)
	isoDate    = regexp.MustCompile(`(?:^|[^0-9])((?:19|20)\d{2}-\d{2}-\d{2})(?:[^0-9]|$)`)
)

// AccessionIn finds the accession number that a path or file name holds.
func AccessionIn(path string) string {
	for _, re := range []*regexp.Regexp{accession, accession2} {
		if m := re.FindStringSubmatch(path); m != nil {
			return m[1] + "-" + m[2] + "-" + m[3]
		}
	}
	return ""
}

// DateIn finds the date that a file name holds, such as that of filing.
func DateIn(name string) string {
	if m := isoDate.FindStringSubmatch(name); m != nil {
		if _, err := time.Parse(time.DateOnly, m[1]); err == nil {
			return m[1]
		}
	}
	return ""
}
