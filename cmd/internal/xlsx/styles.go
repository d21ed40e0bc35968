package xlsx

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// readStyles reads how the styles show numbers.
func (b *Book) readStyles(name string) error {
	own := map[int]Kind{} // formats of this workbook
	var formats []int
	err := b.readPart(name, "styleSheet", func(p *part, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmts":
			return p.each(func(e xml.StartElement) error {
				if id, err := strconv.Atoi(attribute(e, "numFmtId")); err == nil {
					own[id] = kindOf(attribute(e, "formatCode"))
				}
				return p.skip()
			})
		case "cellXfs":
			return p.each(func(e xml.StartElement) error {
				format, _ := strconv.Atoi(attribute(e, "numFmtId"))
				formats = append(formats, format)
				return p.skip()
			})
		}
		return p.skip()
	})
	for _, format := range formats {
		kind, ok := own[format]
		if !ok {
			kind = builtIn(format)
		}
		b.styles = append(b.styles, kind)
	}
	return err
}

// builtIn returns the kind of a built-in number format.
func builtIn(format int) Kind {
	switch {
	case format >= 14 && format <= 22, format >= 27 && format <= 36,
		format >= 45 && format <= 47, format >= 50 && format <= 58:
		return Date
	case format == 0, format == 1, format == 49:
		return Digits
	}
	return Number
}

// kindOf returns the kind of a number format of the workbook's own.
func kindOf(code string) Kind {
	switch {
	case isDate(code):
		return Date
	case code == "0", code == "@", strings.EqualFold(code, "General"):
		return Digits
	}
	return Number
}

// isDate reports whether a format has a letter of a date outside quotes and brackets.
func isDate(code string) bool {
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '\\', '_', '*':
			i++
		case '"', '[':
			end := strings.IndexByte(code[i+1:], map[byte]byte{'"': '"', '[': ']'}[c])
			if end < 0 {
				return false
			}
			if inside := code[i+1 : i+1+end]; c == '[' && strings.Trim(inside, "hHmMsS") == "" {
				return true // such as [h], hours beyond 24
			}
			i += end + 1
		case 'd', 'D', 'm', 'M', 'y', 'Y', 'h', 'H', 's', 'S':
			return true
		}
	}
	return false
}
