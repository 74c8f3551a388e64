package token

import (
	"fmt"
	"strings"
)

// Message is one turn of a conversation; Role is system, user or assistant.
type Message struct{ Role, Content string }

const turnStart, turnEnd = "<|im_start|>", "<|im_end|>"

// Chat renders a conversation in the form the model was trained on and returns
// its tokens; with generate, the opening of the assistant's turn follows. Only
// the frame yields control tokens: whatever stands in a message is text.
//
// The form is ChatML, the one of SmolLM2; other templates are refused, because
// a wrong one costs accuracy silently.
func (t *Tokenizer) Chat(messages []Message, generate bool) (text string, ids []int32, err error) {
	if !strings.Contains(t.Template, turnStart) {
		return "", nil, fmt.Errorf("the model has no chat template of the %s kind: prompt it with plain text: %w", turnStart, ErrTokenizer)
	}
	if len(messages) > 0 && messages[0].Role != "system" {
		if s := t.defaultSystem(); s != "" {
			messages = append([]Message{{"system", s}}, messages...)
		}
	}
	var b strings.Builder
	frame := func(s string) {
		b.WriteString(s)
		ids = t.Append(ids, s, true)
	}
	for _, m := range messages {
		switch m.Role {
		case "system", "user", "assistant":
		default:
			return "", nil, fmt.Errorf("role %q in a conversation: use system, user or assistant", m.Role)
		}
		frame(turnStart + m.Role + "\n")
		b.WriteString(m.Content)
		ids = t.Append(ids, m.Content, false)
		frame(turnEnd + "\n")
	}
	if generate {
		frame(turnStart + "assistant\n")
	}
	return b.String(), ids, nil
}

// defaultSystem is the system message the template puts before a conversation
// that has none.
func (t *Tokenizer) defaultSystem() string {
	_, s, ok := strings.Cut(strings.ReplaceAll(t.Template, `\n`, "\n"), "'"+turnStart+"system\n")
	if !ok {
		return ""
	}
	s, _, _ = strings.Cut(s, turnEnd)
	return s
}
