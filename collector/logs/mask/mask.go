// SPDX-License-Identifier: Apache-2.0

// Package mask replaces secrets in texts.
package mask

import (
	"regexp"
	"slices"
	"strings"

	"github.com/strata-apm/strata/collector/logs/chars"
)

// masked replaces a secret.
const masked = "***"

// Masker replaces secrets in text: values of keys that name a secret, passwords in URLs, bearer and basic credentials, tokens with a known beginning,
// private keys and card numbers. Safe for concurrent use.
type Masker struct {
	rules []maskRule
	// triggers are by their first byte in both cases, seconds are the low five bits of the bytes that may follow it, in which the cases of a letter
	// are equal.
	triggers [256][]string
	seconds  [256]uint32
}

type maskRule struct {
	pattern *regexp.Regexp
	with    string
	keep    *regexp.Regexp // matches that it fits are left as they are; nil: none
}

// replace returns the text with the rule's matches replaced, and how many those are. A secret that is masked already is not counted again.
func (r *maskRule) replace(text string) (string, int) {
	n := 0
	out := r.pattern.ReplaceAllStringFunc(text, func(match string) string {
		if r.keep != nil && r.keep.MatchString(match) {
			return match
		}
		with := r.pattern.ReplaceAllString(match, r.with)
		if with != match {
			n++
		}
		return with
	})
	return out, n
}

// New returns a Masker with the default rules.
func New() *Masker {
	const (
		name = `(?i)((?:password|passwd|pwd|secret|token|api_?-?key|access_?-?key|private_?-?key|credential)s?`
		key  = name + `["']?` // with its closing quote
		json = name + `"\s*:\s*)`
		// What is within brackets may have brackets once more.
		list, object = `\[(?:[^\[\]]|\[[^\[\]]*\])*\]`, `\{(?:[^{}]|\{[^{}]*\})*\}`
	)
	rule := func(pattern, with string) maskRule { return maskRule{pattern: regexp.MustCompile(pattern), with: with} }
	plain := rule(key+`\s*(?:=>|[:=])\s*)[^\s"'\\,;&)}\]]+`, "${1}"+masked)
	plain.keep = regexp.MustCompile(`"\s*:\s*(?:true|false|null)$`) // They are no secret, and JSON stays JSON.
	m := &Masker{rules: []maskRule{
		rule(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`, masked),
		rule(`(?i)\b((?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}`, "${1}"+masked),
		rule(`(://[^\s:/@"']*:)[^\s@/"']+@`, "${1}"+masked+"@"),
		rule(key+`\s*(?:=>|[:=])\s*")(?:[^"\\]|\\.)+`, "${1}"+masked),
		rule(key+`\s*(?:=>|[:=])\s*')[^']+`, "${1}"+masked),
		rule(key+`\\["']\s*:\s*\\["'])(?:[^"'\\]|\\\\\\["']|\\\\)+`, "${1}"+masked), // JSON within JSON
		rule(json+`(?:`+list+`|`+object+`|-?[0-9][0-9.eE+-]*)`, `${1}"`+masked+`"`), // JSON stays JSON.
		plain,
		rule(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`, masked),
		rule(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`, masked),
		rule(`\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{18,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,}|strata_[A-Za-z0-9_-]{20,})`, masked),
	}}
	for _, t := range triggers() {
		for _, first := range strings.ToLower(t[:1]) + strings.ToUpper(t[:1]) {
			if !slices.Contains(m.triggers[first], t) {
				m.triggers[first] = append(m.triggers[first], t)
				m.seconds[first] |= 1 << (t[1] & 31)
			}
		}
	}
	return m
}

// Mask returns the text without secrets and how many it replaced. Most text has nothing that could be one and is returned as it is after one pass.
func (m *Masker) Mask(text string) (string, int) {
	words, digits := m.suspicious(text)
	count := 0
	if words {
		for _, r := range m.rules {
			var n int
			text, n = r.replace(text)
			count += n
		}
	}
	if digits {
		var n int
		text, n = maskCards(text)
		count += n
	}
	return text, count
}

// triggers are what every rule's match has in it, in lower case.
func triggers() []string {
	return []string{
		"password", "passwd", "pwd", "secret", "token", "api_key", "apikey", "api-key", "access_key", "accesskey", "access-key",
		"private_key", "privatekey", "private-key", "private key", "credential", "bearer", "basic", "://", "akia", "asia", "eyj",
		"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk_live_", "strata_",
	}
}

// suspicious says whether the text may hold a secret by its words, and whether it has enough digits for a card number.
func (m *Masker) suspicious(text string) (words, digits bool) {
	run := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			run++
			digits = digits || run >= minCardDigits
			continue
		case c == ' ' || c == '-':
			continue // Within a card number.
		}
		run = 0
		if s := m.seconds[c]; s != 0 && !words && i+1 < len(text) && s&(1<<(text[i+1]&31)) != 0 {
			words = m.triggered(text[i:])
		}
	}
	return words, digits
}

// triggered says whether a text begins with a trigger.
func (m *Masker) triggered(text string) bool {
	for _, t := range m.triggers[text[0]] {
		if len(text) >= len(t) && strings.EqualFold(text[:len(t)], t) {
			return true
		}
	}
	return false
}

const (
	minCardDigits = 13
	maxCardDigits = 19
)

// maskCards masks runs of 13 to 19 digits, possibly in groups, that begin as cards do and have a card's check digit.
func maskCards(text string) (string, int) {
	var out strings.Builder
	var digits [maxCardDigits + 1]byte
	count, from := 0, 0
	for i := 0; i < len(text); {
		if text[i] < '0' || text[i] > '9' || (i > 0 && (text[i-1] == '.' || chars.IsWord(text[i-1]))) {
			i++
			continue
		}
		number, end := digitsAt(digits[:0], text, i)
		if isCard(number) && (end == len(text) || !chars.IsWord(text[end])) {
			out.WriteString(text[from:i])
			out.WriteString(numberFor(text[:i]))
			from, count = end, count+1
		}
		i = end
	}
	if count == 0 {
		return text, 0
	}
	out.WriteString(text[from:])
	return out.String(), count
}

// numberFor is what a number is replaced by behind a text: a string where that ends with a key of JSON, so that JSON stays JSON.
func numberFor(before string) string {
	before = strings.TrimRight(before, " ")
	if strings.HasSuffix(before, `":`) && !strings.HasSuffix(before, `\":`) {
		return `"` + masked + `"`
	}
	return masked
}

// digitsAt appends the digits from i on, with single spaces or hyphens between them, and returns where they end.
func digitsAt(number []byte, text string, i int) ([]byte, int) {
	end := i
	for j := i; j < len(text) && len(number) <= maxCardDigits; j++ {
		c := text[j]
		if c >= '0' && c <= '9' {
			number, end = append(number, c-'0'), j+1
			continue
		}
		if (c != ' ' && c != '-') || j+1 >= len(text) || text[j+1] < '0' || text[j+1] > '9' {
			break
		}
	}
	return number, end
}

// isCard says whether the digits begin as those of a card and end with their check digit.
func isCard(number []byte) bool {
	return len(number) >= minCardDigits && len(number) <= maxCardDigits && number[0] >= 2 && number[0] <= 6 && luhn(number)
}

func luhn(number []byte) bool {
	sum := 0
	for i, d := range number {
		n := int(d)
		if (len(number)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
