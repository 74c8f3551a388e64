// Package generate writes texts with a decoder: one for a caller that waits, or
// many at a time for a server.
//
// A Scheduler runs all texts of a model together: in every pass each text in
// progress reads its next tokens and prompts that are still being read get a
// fair share of the rest (text.go says what one text does between two passes,
// scheduler.go how they come together). Streaming holds back what might still
// become a character or a stop string (stream.go); guides keep a text within a
// grammar (guide.go).
package generate
