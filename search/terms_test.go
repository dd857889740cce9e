// SPDX-License-Identifier: Apache-2.0

package search

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/signal"
)

func TestFieldsOfASignal(t *testing.T) {
	for of, want := range map[signal.Signal]string{
		signal.Logs:   "level body event service env host trace span scope",
		signal.Traces: "name status duration error kind http_status method route url db rpc messaging peer root event service env host trace span scope",
	} {
		var names []string
		for _, f := range Fields(of) {
			names = append(names, f.Name)
			field, err := ResolveField(of, f.Name)
			require.NoError(t, err, "what is offered is understood")
			require.Equal(t, Field{Name: f.Name}, field)
		}
		require.Equal(t, want, strings.Join(names, " "))
	}
}

func TestResolveField(t *testing.T) {
	for name, want := range map[string]Field{
		"service.name":                {Name: FieldService},
		"host.name":                   {Name: FieldHost},
		"deployment.environment.name": {Name: FieldEnvironment},
		"deployment.environment":      {Name: FieldEnvironment},
		"environment":                 {Name: FieldEnvironment},
		"trace_id":                    {Name: FieldTrace},
		"span_id":                     {Name: FieldSpan},
		"event.name":                  {Name: FieldEvent},
		"event_name":                  {Name: FieldEvent},
		"severity":                    {Name: FieldLevel},
		"attr.service":                {Kind: FieldAttribute, Name: "service"},
		"attr.service.name":           {Kind: FieldAttribute, Name: "service.name"},
		"attr.attr.x":                 {Kind: FieldAttribute, Name: "attr.x"},
		"resource.host.name":          {Kind: FieldResource, Name: "host.name"},
		"resource.x":                  {Kind: FieldResource, Name: "x"},
		"user.tier":                   {Kind: FieldAnywhere, Name: "user.tier"},
		"attr.":                       {Kind: FieldAnywhere, Name: "attr."},
		"resource.":                   {Kind: FieldAnywhere, Name: "resource."},
		"Service.x":                   {Kind: FieldAnywhere, Name: "Service.x"},
	} {
		got, err := ResolveField(signal.Logs, name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for of, names := range map[signal.Signal]map[string]string{
		signal.Logs: {
			"duration": "duration is a field of traces, not of logs", "root": "a field of traces", "Service": `there is no field "Service"`, "tier": "write attr.tier", "": "there is no field",
		},
		signal.Traces: {"level": "level is a field of logs, not of traces", "severity": "level is a field of logs", "body": "a field of logs", "attr": "there is no field"},
	} {
		for name, message := range names {
			_, err := ResolveField(of, name)
			require.ErrorIs(t, err, ErrBadQuery, name)
			require.ErrorContains(t, err, message, name)
		}
	}
}

func TestTexts(t *testing.T) {
	for query, want := range map[string]string{
		"card":       `contains "card"`,
		"Card":       `contains "Card"`,
		`"a*b"`:      `contains "a*b"`,
		`a\*b`:       `contains "a*b"`,
		"car*":       `body = ""*"car"*""`,
		"*ard":       `body = ""*"ard"*""`,
		"c*d":        `body = ""*"c"*"d"*""`,
		"*":          `body = ""*""`,
		"*ar*":       `body = ""*"ar"*""`,
		"登*":         `body = ""*"登"*""`,
		"body:Card*": `body = "Card"*""`,
		"body:card":  `body = "card"`,
		"body:*":     "body exists",
	} {
		require.Equal(t, want, parsed(t, signal.Logs, query), query)
	}
	require.Equal(t, `name = ""*"GET"*""`, parsed(t, signal.Traces, "GET*"))
	f, err := Parse(signal.Logs, "car*")
	require.NoError(t, err)
	require.True(t, f.(Equals).Fold, "free texts ignore case")
	f, err = Parse(signal.Logs, "body:car*")
	require.NoError(t, err)
	require.False(t, f.(Equals).Fold, "those of a field do not")
}

func TestEquality(t *testing.T) {
	for query, want := range map[string]string{
		"service:a":             `service = "a"`,
		"service=a":             `service = "a"`,
		"service!=a":            `not(service = "a")`,
		"service:a,b*":          `service = "a"|"b"*""`,
		`service:"*"`:           `service = "*"`,
		`service:\*`:            `service = "*"`,
		`service:""`:            `service = ""`,
		"service:*":             "service exists",
		"service!=*":            "not(service exists)",
		"service:*,a":           `service = ""*""|"a"`,
		"service:**":            `service = ""*""*""`,
		"attr.k:*":              "attr[k] exists",
		"resource.k:V":          `resource[k] = "V"`,
		"user.tier:gold":        `any[user.tier] = "gold"`,
		"trace:ABC":             `trace = "abc"`,
		"span_id:ABC":           `span = "abc"`,
		"level:WARN":            `level = "warn"`,
		"level:warning,error":   `any(level = "warn", level = "error")`,
		"level:warn3":           "all(level >= 15, level <= 15)",
		"level:13":              "all(level >= 13, level <= 13)",
		"level:24":              "all(level >= 24, level <= 24)",
		"level:W*":              `level = "w"*""`,
		"level:*":               "level exists",
		`attr."a b":c`:          `attr[a b] = "c"`,
		"attr.k:a,b -attr.k:c*": `all(attr[k] = "a"|"b", not(attr[k] = "c"*""))`,
	} {
		require.Equal(t, want, parsed(t, signal.Logs, query), query)
	}
	for query, want := range map[string]string{
		"kind:SERVER":     `kind = "server"`,
		"status:OK":       `status = "ok"`,
		"status:error":    `status = "error"`,
		"status:unset,ok": `any(status = "unset", status = "ok")`,
		"status:5xx":      "all(http_status >= 500, http_status < 600)",
		"status:1XX":      "all(http_status >= 100, http_status < 200)",
		"status:503":      `http_status = "503"`,
		"status:50*":      `http_status = "50"*""`,
		"status:4xx,500":  `any(all(http_status >= 400, http_status < 500), http_status = "500")`,
		"status:*":        "status exists",
		"http_status:503": `http_status = "503"`,
		"error:true":      `status = "error"`,
		"error:YES":       `status = "error"`,
		"error:0":         `not(status = "error")`,
		"error!=true":     `not(status = "error")`,
		"error:*":         "all()",
		"root:*":          "all()",
		"root:1":          `root = "true"`,
		"root:false":      `not(root = "true")`,
		"root:true,false": `any(root = "true", not(root = "true"))`,
		"duration:1s":     "all(duration >= 1e+09, duration <= 1e+09)",
		"duration:1ms,2s": "any(all(duration >= 1e+06, duration <= 1e+06), all(duration >= 2e+09, duration <= 2e+09))",
		"duration:*":      "duration exists",
	} {
		require.Equal(t, want, parsed(t, signal.Traces, query), query)
	}
}

func TestComparisons(t *testing.T) {
	for query, want := range map[string]string{
		"duration>500ms":    "duration > 5e+08",
		"duration>=1.5s":    "duration >= 1.5e+09",
		"duration<1m30s":    "duration < 9e+10",
		"duration<=0s":      "duration <= 0",
		"duration>0":        "duration > 0", // 0 needs no unit
		"status>=500":       "http_status >= 500",
		"http_status<400":   "http_status < 400",
		"attr.n>5":          "attr[n] > 5",
		"attr.n<-1.5":       "attr[n] < -1.5",
		"attr.n>=1e3":       "attr[n] >= 1000",
		"attr.n>1_000":      "attr[n] > 1000",
		"attr.t>10ms":       "attr[t] > 1e+07",
		"resource.n>5":      "resource[n] > 5",
		"order.id>5":        "any[order.id] > 5",
		`attr.n>"5"`:        "attr[n] > 5",
		"attr.n>5 attr.m<6": "all(attr[n] > 5, attr[m] < 6)",
	} {
		f, err := Parse(signal.Traces, query)
		require.NoError(t, err, query)
		require.Equal(t, want, Describe(f), query)
	}
	for query, want := range map[string]string{
		"level>warn":     "level > 16",
		"level>=warn":    "level >= 13",
		"level<warn":     "level < 13",
		"level<=warn":    "level <= 16",
		"severity>=15":   "level >= 15",
		"level>15":       "level > 15",
		"level>=WARNING": "level >= 13",
		"level>error2":   "level > 18",
	} {
		require.Equal(t, want, parsed(t, signal.Logs, query), query)
	}
}

// Whole numbers beyond what a float64 holds are compared as such.
func TestWholeBounds(t *testing.T) {
	for _, c := range []struct {
		query, want string
	}{
		{"attr.n>9007199254740991", ""},
		{"attr.n>9007199254740993", "9007199254740993"},
		{"attr.n>-9007199254740993", "-9007199254740993"},
		{"attr.n>+9007199254740993", "9007199254740993"},
		{"attr.n>9007199254740993.5", "9007199254740993"}, // above 3.5 is above 3
		{"attr.n>=9007199254740993.5", "9007199254740994"},
		{"attr.n<9007199254740993.5", "9007199254740994"},
		{"attr.n<=9007199254740993.5", "9007199254740993"},
		{"attr.n>-9007199254740993.5", "-9007199254740994"},
		{"attr.n>=-9007199254740993.5", "-9007199254740993"},
		{"attr.n>9007199254740993.0", "9007199254740993"},
		{"attr.n>1e16", "10000000000000000"},
		{"attr.n>1e75", "999999999999999926539781176481198923508803215199467887262646419780362305536"}, // the float64 nearest to it
		{"attr.n>1e76", ""},
		{"attr.n>" + strings.Repeat("9", 76), ""},
		{"attr.n>" + strings.Repeat("9", 77), ""},
	} {
		f, err := Parse(signal.Logs, c.query)
		require.NoError(t, err, c.query)
		require.Equal(t, c.want, f.(Compare).Integer, c.query)
	}
}

func TestTermErrors(t *testing.T) {
	for of, cases := range map[signal.Signal]map[string]Error{
		signal.Logs: {
			"x:1":              {0, `there is no field "x"; for an attribute write attr.x, for a text put it in quotes`},
			"a OR duration>1s": {5, "duration is a field of traces, not of logs"},
			"level:loud":       {6, `"loud" is no level; use trace, debug, info, warn, error, fatal or a number from 1 to 24`},
			"level:0":          {6, `"0" is no level; use trace, debug, info, warn, error, fatal or a number from 1 to 24`},
			"level:25":         {6, `"25" is no level; use trace, debug, info, warn, error, fatal or a number from 1 to 24`},
			"level:info,x":     {11, `"x" is no level; use trace, debug, info, warn, error, fatal or a number from 1 to 24`},
			"level>w*":         {6, `"w*" is no level; use trace, debug, info, warn, error, fatal or a number from 1 to 24`},
			"service>a":        {8, "service is no number and cannot be compared with >; use :"},
			"body<=5":          {6, "body is no number and cannot be compared with <=; use :"},
			"attr.n>x":         {7, `"x" is neither a number nor a duration`},
			"attr.n>NaN":       {7, `"NaN" is neither a number nor a duration`},
			"attr.n>inf":       {7, `"inf" is neither a number nor a duration`},
			"attr.n>0x10":      {7, `"0x10" is neither a number nor a duration`},
			"attr.n>1e999":     {7, `"1e999" is neither a number nor a duration`},
			"attr.n>5 attr.m>": {16, `a value is missing after ">"`},
		},
		signal.Traces: {
			"status:600x":   {7, `"600x" is no status; use ok, error, unset, an HTTP status such as 503, or 5xx`},
			"status:6xx":    {7, `"6xx" is no status; use ok, error, unset, an HTTP status such as 503, or 5xx`},
			"status:ok,bad": {10, `"bad" is no status; use ok, error, unset, an HTTP status such as 503, or 5xx`},
			"status>ok":     {7, `"ok" is no HTTP status`},
			"status>70000":  {7, `"70000" is no HTTP status`},
			"http_status>x": {12, `"x" is no HTTP status`},
			"error:maybe":   {6, `"maybe" is neither true nor false`},
			"root:true,x":   {10, `"x" is neither true nor false`},
			"duration>5":    {9, `"5" is no duration; write a number with a unit, as in 500ms or 2s`},
			"duration>-1s":  {9, `"-1s" is no duration; write a number with a unit, as in 500ms or 2s`},
			"duration:1s,x": {12, `"x" is no duration; write a number with a unit, as in 500ms or 2s`},
			"name>a":        {5, "name is no number and cannot be compared with >; use :"},
			"level:warn":    {0, "level is a field of logs, not of traces"},
		},
	} {
		for query, want := range cases {
			_, err := Parse(of, query)
			var e *Error
			require.ErrorAs(t, err, &e, query)
			require.Equal(t, want, *e, query)
		}
	}
}
