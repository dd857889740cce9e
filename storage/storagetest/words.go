// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// wordCase is a body, what finds it and what does not.
type wordCase struct {
	body    string
	yes, no []string
}

func wordCases() []wordCase {
	return []wordCase{
		{"用户admin登录失败，原因：密码错误", []string{"登录失败", "admin", "ADMIN", "用户admin", "admin登录", "密码", `"登录失败，原因"`, "*dmi*", "用户*失败"}, []string{"dmin", "登出", "user"}},
		{"订单ORDER20231号创建成功", []string{"ORDER20231", "order20231", "ORDER20231号"}, []string{"ORDER2023", "20231", "RDER20231"}},
		{"数据库连接timeout，重试3次", []string{"timeout", "3", "重试3次"}, []string{"time", "out"}},
		{"🚀launch ready", []string{"launch", `"launch ready"`, "🚀", "🚀launch"}, []string{"launched", `"launch read"`}},
		{"❤\ufe0fheart1️⃣", []string{"heart1"}, []string{"heart"}},
		{"サーバーerrorが発生", []string{"error", "サーバー", "が発生"}, []string{"err"}},
		{"오류failed발생했습니다", []string{"failed", "오류", "발생"}, []string{"fail"}},
		{"ล้มเหลวfailure็x", []string{"failure", "ล้มเหลว"}, []string{"fail"}},
		{"Ошибкаconnect сервера №42", []string{"connect", "ошибка", "ОШИБКА", "СЕРВЕРА", "42", `"connect сервера"`}, []string{"ошиб", "сервер"}},
		{"café-admin2é Über", []string{"café", "CAFÉ", "über", "ÜBER", "café-admin2é", "CAFÉ-ADMIN2É"}, []string{"caf", "admin2", "ber", "admin"}},
		{"cafe\u0301s naive\u0301 nai\u0308ve", []string{"CAFE\u0301S"}, []string{"cafe", "naive", "s"}},
		{"ΟΔΟΣ Σίσυφος", []string{"οδος", "οδοσ", "ΣΊΣΥΦΟΣ"}, []string{"οδο"}},
		{"\x1b[31mERROR\x1b[0m payment \x1b[33mdeclined\x1b[0m", []string{"ERROR", "error", "declined", "payment"}, []string{"31mERROR", "decline", "mERROR"}},
		{"\x1b[1;38;5;196mFATAL:\x1b[0mdisk登录", []string{"fatal", "disk"}, []string{"dis"}},
		{"plain card_declined 100% of-it", []string{"card", "declined", `"card_declined"`, `"100% of"`, `"% of"`}, []string{"car", `"ard_declined"`, `"100% o"`}},
		{"\u212aelvin \u017fum 登录", []string{"登录", "\u212aelvin", "\u017fum"}, []string{"kelvin", "sum", "um", "elvin"}},
		{"登录SKIP sky", []string{"skip", "SKIP", "sky", `"skip SKY"`}, []string{"ski"}},
		{"postcard declined; card", []string{`"postcard declined"`}, nil},
	}
}

// textFilter is the condition that the search language makes of one word, phrase or text with wildcards.
func textFilter(name, query string) search.Filter {
	if rest, ok := strings.CutPrefix(query, "-"); ok {
		return search.Not{Of: textFilter(name, rest)}
	}
	if strings.Contains(query, "*") {
		p := search.Pattern(strings.Split("*"+strings.Trim(query, "*")+"*", "*"))
		return search.Equals{Field: field(name), Values: []search.Pattern{p}, Fold: true}
	}
	return search.Contains{Text: strings.Trim(query, `"`)}
}

// logWords: each text finds what it should and nothing else, its negation is all the rest, and the index takes nothing away, however
// many parts there are.
func (s *suite) logWords(t *testing.T) {
	day := s.day()
	all := wordCases()
	for i, c := range all {
		s.putLogs(t, strconv.Itoa(i), logs(logSpec{service: "w", body: c.body, time: day.Add(time.Duration(i) * time.Second)}))
	}
	found := func(query string) map[string]bool {
		f := textFilter(search.FieldBody, query)
		out := map[string]bool{}
		for _, l := range s.getLogs(t, day, f) {
			out[l.Body] = true
		}
		return out
	}
	check := func(query, body string, want bool) {
		got, rest := found(query), found("-"+query)
		require.Equal(t, want, got[body], "%q in %q", query, body)
		require.Equal(t, !want, rest[body], "-%q in %q", query, body)
		require.Len(t, all, len(got)+len(rest), query)
	}
	for _, c := range all {
		for _, query := range c.yes {
			check(query, c.body, true)
		}
		for _, query := range c.no {
			check(query, c.body, false)
		}
	}
}

// spanNames: a text is found anywhere in a span's name, in whatever case.
func (s *suite) spanNames(t *testing.T) {
	day := s.day()
	names := []string{"GET /кошик", "用户admin登录", "ÜBERWEISUNG", "🚀launch"}
	for i, name := range names {
		_, err := s.Store.AppendTraces(t.Context(), storage.BatchID(t.Name()+name), Requests(t, tenant.Default, spans(spanSpec{trace: 9000 + i, id: 1, service: "w", name: name, start: day, duration: time.Second})...))
		require.NoError(t, err)
	}
	for query, want := range map[string]int{"КОШИК": 1, "admin": 1, "登录": 1, "überweisung": 1, "*ÜBERweis*": 1, "LAUNCH": 1, "-über": 3, "-*Über*": 3, "-登录": 3} {
		f := textFilter(search.FieldName, query)
		page, err := s.Store.SearchTraces(t.Context(), storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default, Filter: f, Range: dayOf(day)}, Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Traces, want, query)
	}
}
