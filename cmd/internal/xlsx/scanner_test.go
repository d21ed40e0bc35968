package xlsx

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScanner(t *testing.T) {
	for in, want := range map[string]string{
		`<a/>`: "<a></a>",
		`<?xml version="1.0"?><x:a b="1" x:c='2>3'><!-- - > --><d>e&amp;&#xe9;&#33;</d></x:a> `: `<a b=1 c=2>3><d>"e&é!"</d></a>`,
		"<a>\r\n<![CDATA[<b>]]&gt;]]></a>":            `<a>"\n""<b>]]&gt;"</a>`,
		`<a b = "1"  ></a >`:                          "<a b=1></a>",
		`<a>` + strings.Repeat("b", 100<<10) + `</a>`: `<a>"` + strings.Repeat("b", 100<<10) + `"</a>`,
	} {
		got, err := events(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{
		"<a>", "<a><b></a></b>", "<a></b>", "</a>", "<a", "<", "<a b></a>", "<a b=1></a>", `<a b="1></a>`, "<a>&x;</a>", "<a>&lt</a>", "<a>\xff</a>", "x<a/>", "<a/>x",
		"<!DOCTYPE a><a/>", "<>", "<a>&#0;</a>", "<a>&#xd800;</a>", "<a><![CDATA[</a>", "<!-- ", "<a>" + strings.Repeat("<b>", 200) + strings.Repeat("</b>", 200) + "</a>",
	} {
		_, err := events(in)
		require.ErrorIs(t, err, errXML, in)
	}
	_, err := events("<a>" + strings.Repeat("b", maxElement))
	require.ErrorIs(t, err, errTooLong)
}

// events returns what the scanner reads, in one line.
func events(in string) (string, error) {
	var b strings.Builder
	s := newScanner(strings.NewReader(in))
	for {
		switch err := s.next(); {
		case errors.Is(err, io.EOF):
			return b.String(), nil
		case err != nil:
			return "", err
		case s.kind == start:
			fmt.Fprintf(&b, "<%s", s.name)
			for {
				name, value, err := s.attribute()
				if err != nil {
					return "", err
				}
				if name == nil {
					break
				}
				fmt.Fprintf(&b, " %s=%s", name, value)
			}
			b.WriteByte('>')
		case s.kind == end:
			fmt.Fprintf(&b, "</%s>", s.name)
		default:
			decoded, err := s.decoded()
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%q", decoded)
		}
	}
}

// What both take, encoding/xml reads as the scanner does.
func FuzzScanner(f *testing.F) {
	f.Add(`<?xml version="1.0" encoding="UTF-8"?><sst a="1"><si><t xml:space="preserve"> a&lt;b </t></si></sst>`)
	f.Add("<a><![CDATA[x]]>\r\n<!-- c --></a>")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := texts(in)
		if err != nil {
			return
		}
		want := ""
		d := xml.NewDecoder(strings.NewReader(in))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			switch token := token.(type) {
			case xml.StartElement:
				want += "<" + token.Name.Local + ">"
			case xml.EndElement:
				want += "</" + token.Name.Local + ">"
			case xml.CharData:
				want += string(token)
			}
		}
		require.Equal(t, strings.TrimSpace(want), strings.TrimSpace(got))
	})
}

func texts(in string) (string, error) {
	var b strings.Builder
	s := newScanner(strings.NewReader(in))
	for {
		switch err := s.next(); {
		case errors.Is(err, io.EOF):
			return b.String(), nil
		case err != nil:
			return "", err
		case s.kind == start:
			b.WriteString("<" + s.name + ">")
		case s.kind == end:
			b.WriteString("</" + s.name + ">")
		default:
			decoded, err := s.decoded()
			if err != nil {
				return "", err
			}
			b.WriteString(decoded)
		}
	}
}
