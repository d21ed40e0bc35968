package xlsx

import "strings"

// readStyles learns how the styles show numbers.
func (b *Book) readStyles(name string) error {
	var content struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Styles []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := b.unmarshal(name, &content); err != nil {
		return err
	}
	codes := map[int]string{}
	for _, f := range content.Formats {
		codes[f.ID] = f.Code
	}
	for _, style := range content.Styles {
		code, own := codes[style.Format]
		b.dates = append(b.dates, own && isDate(code) || !own && isBuiltInDate(style.Format))
		b.general = append(b.general, own && isGeneral(code) || !own && (style.Format == 0 || style.Format == 1 || style.Format == 49))
	}
	return nil
}

// isBuiltInDate reports whether a format that every workbook has shows a date or a time.
func isBuiltInDate(format int) bool {
	return format >= 14 && format <= 22 || format >= 27 && format <= 36 || format >= 45 && format <= 47 || format >= 50 && format <= 58
}

func isGeneral(code string) bool {
	return code == "0" || code == "@" || strings.EqualFold(code, "General")
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
		case 'G', 'g': // General
			if len(code) >= i+7 && strings.EqualFold(code[i:i+7], "General") {
				i += 6
			}
		}
	}
	return false
}
