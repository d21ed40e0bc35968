package webhook_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/webhook"
)

func TestReports_parse(t *testing.T) {
	plain := webhook.Report{RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0).UTC()}
	with := func(change func(*webhook.Report)) webhook.Report {
		r := plain
		change(&r)
		return r
	}
	other := func(values url.Values) webhook.Report {
		return with(func(r *webhook.Report) { r.Other = values })
	}
	for _, c := range []struct {
		name, form string
		want       webhook.Report
	}{
		{"required fields alone", plainReport, plain},
		{"undelivered", "message_id=220000001&status=0&timestamp=1700000000", with(func(r *webhook.Report) { r.Delivered = false })},
		{"all that can be switched on", plainReport + "&network_id=3&network_type=national&delivery_report=DELIVRD+%C8%99i&connection_id=C%2B1&message_count=2",
			webhook.Report{RemoteID: "220000001", Delivered: true, Time: plain.Time, NetworkID: "3", NetworkType: "national", Text: "DELIVRD și", ConnectionID: "C+1", Segments: 2}},
		{"blanks around the optional", plainReport + "&message_count=%202+&connection_id=%09C1%0D%0A&delivery_report=+x+",
			with(func(r *webhook.Report) { r.Segments, r.ConnectionID, r.Text = 2, "C1", " x " })},
		{"a form that ends in a line end", plainReport + "&connection_id=C1\r\n", with(func(r *webhook.Report) { r.ConnectionID = "C1" })},
		{"everything twice, except for blanks", "message_id=220000001%20&status=1%0D&timestamp=+1700000000&connection_id=C1+&message_count=2+&" + plainReport + "&connection_id=C1&message_count=2",
			with(func(r *webhook.Report) { r.Segments, r.ConnectionID = 2, "C1" })},
		{"two counts of one number", plainReport + "&message_count=2&message_count=02", other(url.Values{"message_count": {"2", "02"}})},
		{"one broken escape", plainReport + "&delivery_report=50%&network_id=1", with(func(r *webhook.Report) {
			r.NetworkID, r.Other = "1", url.Values{"": {"delivery_report=50%"}}
		})},
		{"empty optional fields", plainReport + "&network_id=&network_type=&delivery_report=&connection_id=", plain},
		{"blanks around the required", "message_id=%20220000001%0A&status=+1&timestamp=1700000000%09", plain},
		{"an id that is no number", "message_id=a-B_9~%21&status=1&timestamp=1700000000", with(func(r *webhook.Report) { r.RemoteID = "a-B_9~!" })},
		{"the longest id", "message_id=" + strings.Repeat("9", 128) + "&status=1&timestamp=1700000000", with(func(r *webhook.Report) { r.RemoteID = strings.Repeat("9", 128) })},
		{"the first second", "message_id=220000001&status=1&timestamp=1", with(func(r *webhook.Report) { r.Time = time.Unix(1, 0).UTC() })},
		{"the last second", "message_id=220000001&status=1&timestamp=253402300799", with(func(r *webhook.Report) { r.Time = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) })},
		{"everything twice", plainReport + "&message_count=2&network_id=1&" + plainReport + "&message_count=2&network_id=1",
			with(func(r *webhook.Report) { r.Segments, r.NetworkID = 2, "1" })},
		{"unknown parameters", plainReport + "&campaign=a&campaign=b&x", other(url.Values{"campaign": {"a", "b"}, "x": {""}})},
		{"two networks", plainReport + "&network_id=1&network_id=2", other(url.Values{"network_id": {"1", "2"}})},
		{"two counts", plainReport + "&message_count=1&message_count=2", other(url.Values{"message_count": {"1", "2"}})},
		{"a count of nothing", plainReport + "&message_count=0", other(url.Values{"message_count": {"0"}})},
		{"a count below nothing", plainReport + "&message_count=-1", other(url.Values{"message_count": {"-1"}})},
		{"a count beyond an int32", plainReport + "&message_count=2147483648", other(url.Values{"message_count": {"2147483648"}})},
		{"no count", plainReport + "&message_count=two", other(url.Values{"message_count": {"two"}})},
		{"a broken escape", plainReport + "&delivery_report=50%&a=b;c", other(url.Values{"": {"delivery_report=50%", "a=b;c"}})},
		{"bytes that are no text", plainReport + "&delivery_report=%00%FF%1B", with(func(r *webhook.Report) { r.Text = "\x00\xff\x1b" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests := map[string]*http.Request{"GET": byGet(c.form), "POST": byPost("", c.form), "POST with a query": byPost(c.form, "")}
			values, err := url.ParseQuery(c.form)
			repeats := func(values []string) bool { return len(values) > 1 }
			if err == nil && !slices.ContainsFunc(slices.Collect(maps.Values(values)), repeats) { // multipartOf can write it
				requests["multipart"] = multipartOf(t, c.form)
			}
			for how, r := range requests {
				got, err := parseReport(t, r)
				require.NoError(t, err, how)
				require.Equal(t, c.want, got, how)
			}
		})
	}
}

func TestReports_parse_refuses(t *testing.T) {
	const rest = "&status=1&timestamp=1700000000"
	for form, want := range map[string]string{
		"":                                                           "message_id is missing or empty",
		"status=1&timestamp=1":                                       "message_id is missing or empty",
		"message_id=" + rest:                                         "message_id is missing or empty",
		"message_id=%20%0A" + rest:                                   "message_id is missing or empty",
		"message_id=%zz" + rest:                                      "message_id is missing or empty",
		"Message_ID=1" + rest:                                        "message_id is missing or empty",
		"message_id=1;a" + rest:                                      "message_id is missing or empty",
		"message_id=a%20b" + rest:                                    "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=%1B[31m" + rest:                                  "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=a%00" + rest:                                     "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=a%7F" + rest:                                     "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=%C3%A9" + rest:                                   "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=%FF" + rest:                                      "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=" + strings.Repeat("9", 129) + rest:              "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=1&message_id=2" + rest:                           "message_id has two different values",
		"message_id=1&timestamp=1":                                   "status is missing or empty",
		"message_id=1&status=&timestamp=1":                           "status is missing or empty",
		"message_id=1&status=2&timestamp=1":                          "status is neither 1, delivered, nor 0, undelivered",
		"message_id=1&status=01&timestamp=1":                         "status is neither 1, delivered, nor 0, undelivered",
		"message_id=1&status=true&timestamp=1":                       "status is neither 1, delivered, nor 0, undelivered",
		"message_id=1&status=0&status=1&timestamp=1":                 "status has two different values",
		"message_id=1&status=1":                                      "timestamp is missing or empty",
		"message_id=1&status=1&timestamp=0":                          "timestamp is not a number of Unix seconds from 1 to the end of 9999",
		"message_id=1&status=1&timestamp=-1":                         "timestamp is not a number of Unix seconds from 1 to the end of 9999",
		"message_id=1&status=1&timestamp=%2B1":                       "timestamp is not a number of Unix seconds from 1 to the end of 9999",
		"message_id=1&status=1&timestamp=1.5":                        "timestamp is not a number of Unix seconds from 1 to the end of 9999",
		"message_id=1&status=1&timestamp=1700000000000":              "timestamp is not a number of Unix seconds from 1 to the end of 9999",
		"message_id=1&status=1&timestamp=253402300800":               "timestamp is not a number of Unix seconds from 1 to the end of 9999",
		"message_id=1&status=1&timestamp=" + strings.Repeat("9", 40): "timestamp is not a number of Unix seconds from 1 to the end of 9999",
		"message_id=1&status=1&timestamp=1&timestamp=2":              "timestamp has two different values",
	} {
		for _, r := range []*http.Request{byGet(form), byPost("", form)} {
			got, err := parseReport(t, r)
			require.Equal(t, webhook.Report{}, got)
			require.EqualError(t, err, want, "%q", form)
		}
	}
}

// No request causes a panic. A report follows the rules, and an error quotes nothing of the
// request.
func FuzzReports(f *testing.F) {
	for _, form := range []string{
		plainReport, plainReport + "&network_id=1&message_count=2&delivery_report=x", "", "&&=;%", "message_id=1&status=2", "message_id=\x00&status=1&timestamp=1", plainReport + "&" + plainReport,
	} {
		f.Add(form, form, "application/x-www-form-urlencoded", true)
		f.Add(form, "--b\r\nContent-Disposition: form-data; name=\"message_id\"\r\n\r\n7\r\n--b--\r\n", "multipart/form-data; boundary=b", true)
		f.Add(form, "", "", false)
	}
	f.Fuzz(func(t *testing.T, query, body, kind string, post bool) {
		r := byGet(query)
		if post {
			r = byPost(query, body)
			r.Header.Set("Content-Type", kind)
		}
		got, err := parseReport(t, r)
		if err != nil {
			require.Equal(t, webhook.Report{}, got)
			require.Regexp(t, `^(message_id|status|timestamp|query|body) (is missing or empty|has two different values|is not 1 to 128 characters of visible ASCII|`+
				`is neither 1, delivered, nor 0, undelivered|is not a number of Unix seconds from 1 to the end of 9999|is longer than 16 KiB|ended early|can't be read)$`, err.Error())
			return
		}
		require.Regexp(t, `^[!-~]{1,128}$`, got.RemoteID)
		require.Positive(t, got.Time.Unix())
		require.LessOrEqual(t, got.Time.Year(), 9999)
		require.GreaterOrEqual(t, got.Segments, 0)
		for _, name := range []string{"message_id", "status", "timestamp"} {
			require.NotContains(t, got.Other, name)
		}
	})
}
