package gsm7

// nearest returns the replacement, in the GSM alphabet, for a character that is not in it. It may
// have several characters, or none for a character of no width. Characters whose replacement would
// change the meaning have none: 1½ is not 11/2, and 10² not 102; º is often a ş that was read in
// the wrong code page; a backtick may be part of a code.
func nearest(r rune) (string, bool) {
	if '！' <= r && r <= '～' { // the full width forms of ASCII
		return string(r - '！' + '!'), r != '｀'
	}
	switch r {
	case '\u00ad', '\u200b', '\u2060', '\ufeff': // soft hyphen, zero width spaces, word joiner
		return "", true
	case '\t', '\u00a0', '\u1680', '\u2000', '\u2001', '\u2002', '\u2003', '\u2004', '\u2005', '\u2006', '\u2007',
		'\u2008', '\u2009', '\u200a', '\u202f', '\u205f', '\u3000':
		return " ", true
	case '\u0085', '\u2028', '\u2029': // next line, line separator, paragraph separator
		return "\n", true
	case '‐', '\u2011', '‒', '–', '—', '―', '⁃', '−', '﹣':
		return "-", true
	case '‘', '’', '‛', '‹', '›', '′', '´', 'ʹ', 'ʻ', 'ʼ', 'ʽ', 'ˈ':
		return "'", true
	case '“', '”', '„', '‟', '«', '»', '″', '〝', '〞', 'ʺ':
		return `"`, true
	case '•', '∙', '‣', '⁎', '∗', '·', '●', '○', '◦', '■', '▪', '►',
		'\uf0b7', '\uf0a7': // Word's own bullets
		return "*", true
	case '․':
		return ".", true
	case '‚':
		return ",", true
	case '\u037e': // the Greek question mark
		return ";", true
	case '\u2126': // ohm
		return "Ω", true
	case 'ˆ':
		return "^", true
	case '≤':
		return "<=", true
	case '≥':
		return ">=", true
	case '→':
		return "->", true
	case '±':
		return "+/-", true
	case '⁄', '∕':
		return "/", true
	case '¦':
		return "|", true
	case '˜', '∼':
		return "~", true
	case '×':
		return "x", true
	case '‥':
		return "..", true
	case '…':
		return "...", true
	case '™':
		return "(TM)", true
	case '©':
		return "(c)", true
	case '®':
		return "(R)", true
	case '№':
		return "No", true
	case 'ﬀ':
		return "ff", true
	case 'ﬁ':
		return "fi", true
	case 'ﬂ':
		return "fl", true
	case 'ﬃ':
		return "ffi", true
	case 'ﬄ':
		return "ffl", true
	case 'ﬅ', 'ﬆ':
		return "st", true
	case 'Œ':
		return "OE", true
	case 'œ':
		return "oe", true
	case 'Ĳ':
		return "IJ", true
	case 'ĳ':
		return "ij", true
	case 'ŉ':
		return "'n", true
	case 'Ǆ', 'Ǳ':
		return "DZ", true
	case 'ǅ', 'ǲ':
		return "Dz", true
	case 'ǆ', 'ǳ':
		return "dz", true
	case 'Ǉ':
		return "LJ", true
	case 'ǈ':
		return "Lj", true
	case 'ǉ':
		return "lj", true
	case 'Ǌ':
		return "NJ", true
	case 'ǋ':
		return "Nj", true
	case 'ǌ':
		return "nj", true

	// Latin letters with marks become the plain letter, or the letter with the first of its marks
	// that the alphabet has on it.
	case 'À', 'Á', 'Â', 'Ã', 'Ā', 'Ă', 'Ą', 'Ǎ', 'Ǡ', 'Ȁ', 'Ȃ', 'Ȧ', 'Ḁ',
		'Ạ', 'Ả', 'Ấ', 'Ầ', 'Ẩ', 'Ẫ', 'Ậ', 'Ắ', 'Ằ', 'Ẳ', 'Ẵ', 'Ặ':
		return "A", true
	case 'Ḃ', 'Ḅ', 'Ḇ', 'Ƀ':
		return "B", true
	case 'Ć', 'Ĉ', 'Ċ', 'Č':
		return "C", true
	case 'Ð', 'Ď', 'Đ', 'Ḋ', 'Ḍ', 'Ḏ', 'Ḑ', 'Ḓ':
		return "D", true
	case 'È', 'Ê', 'Ë', 'Ē', 'Ĕ', 'Ė', 'Ę', 'Ě', 'Ȅ', 'Ȇ', 'Ȩ', 'Ḕ', 'Ḙ', 'Ḛ', 'Ḝ', 'Ẹ', 'Ẻ', 'Ẽ', 'Ề', 'Ể', 'Ễ', 'Ệ':
		return "E", true
	case 'Ḟ':
		return "F", true
	case 'Ĝ', 'Ğ', 'Ġ', 'Ģ', 'Ǧ', 'Ǵ', 'Ḡ', 'Ǥ':
		return "G", true
	case 'Ĥ', 'Ħ', 'Ȟ', 'Ḣ', 'Ḥ', 'Ḧ', 'Ḩ', 'Ḫ':
		return "H", true
	case 'Ì', 'Í', 'Î', 'Ï', 'Ĩ', 'Ī', 'Ĭ', 'Į', 'İ', 'Ǐ', 'Ȉ', 'Ȋ', 'Ḭ', 'Ḯ', 'Ỉ', 'Ị', 'Ɨ':
		return "I", true
	case 'Ĵ':
		return "J", true
	case '\u212a', 'Ķ', 'Ǩ', 'Ḱ', 'Ḳ', 'Ḵ':
		return "K", true
	case 'Ĺ', 'Ļ', 'Ľ', 'Ł', 'Ḷ', 'Ḹ', 'Ḻ', 'Ḽ', 'Ŀ':
		return "L", true
	case 'Ḿ', 'Ṁ', 'Ṃ':
		return "M", true
	case 'Ń', 'Ņ', 'Ň', 'Ŋ', 'Ǹ', 'Ṅ', 'Ṇ', 'Ṉ', 'Ṋ':
		return "N", true
	case 'Ò', 'Ó', 'Ô', 'Õ', 'Ō', 'Ŏ', 'Ő', 'Ơ', 'Ǒ', 'Ǫ', 'Ǭ', 'Ȍ', 'Ȏ', 'Ȭ', 'Ȯ', 'Ȱ',
		'Ṍ', 'Ṑ', 'Ṓ', 'Ọ', 'Ỏ', 'Ố', 'Ồ', 'Ổ', 'Ỗ', 'Ộ', 'Ớ', 'Ờ', 'Ở', 'Ỡ', 'Ợ':
		return "O", true
	case 'Ṕ', 'Ṗ':
		return "P", true
	case 'Ŕ', 'Ŗ', 'Ř', 'Ȑ', 'Ȓ', 'Ṙ', 'Ṛ', 'Ṝ', 'Ṟ':
		return "R", true
	case 'Ś', 'Ŝ', 'Ş', 'Š', 'Ș', 'Ṡ', 'Ṣ', 'Ṥ', 'Ṧ', 'Ṩ':
		return "S", true
	case 'Ţ', 'Ť', 'Ŧ', 'Ț', 'Ṫ', 'Ṭ', 'Ṯ', 'Ṱ':
		return "T", true
	case 'Ù', 'Ú', 'Û', 'Ũ', 'Ū', 'Ŭ', 'Ů', 'Ű', 'Ų', 'Ư', 'Ǔ', 'Ȕ',
		'Ȗ', 'Ṳ', 'Ṵ', 'Ṷ', 'Ṹ', 'Ụ', 'Ủ', 'Ứ', 'Ừ', 'Ử', 'Ữ', 'Ự':
		return "U", true
	case 'Ṽ', 'Ṿ':
		return "V", true
	case 'Ŵ', 'Ẁ', 'Ẃ', 'Ẅ', 'Ẇ', 'Ẉ':
		return "W", true
	case 'Ẋ', 'Ẍ':
		return "X", true
	case 'Ý', 'Ŷ', 'Ÿ', 'Ȳ', 'Ẏ', 'Ỳ', 'Ỵ', 'Ỷ', 'Ỹ':
		return "Y", true
	case 'Ź', 'Ż', 'Ž', 'Ẑ', 'Ẓ', 'Ẕ', 'Ƶ':
		return "Z", true
	case 'á', 'â', 'ã', 'ā', 'ă', 'ą', 'ǎ', 'ǡ', 'ȁ', 'ȃ', 'ȧ', 'ḁ', 'ạ', 'ả', 'ấ', 'ẩ', 'ẫ', 'ậ', 'ắ', 'ẳ', 'ẵ', 'ặ':
		return "a", true
	case 'ḃ', 'ḅ', 'ḇ', 'ƀ':
		return "b", true
	case 'ç', 'ć', 'ĉ', 'ċ', 'č', 'ḉ':
		return "c", true
	case 'ð', 'ď', 'đ', 'ḋ', 'ḍ', 'ḏ', 'ḑ', 'ḓ':
		return "d", true
	case 'ê', 'ë', 'ē', 'ĕ', 'ė', 'ę', 'ě', 'ȅ', 'ȇ', 'ȩ', 'ḙ', 'ḛ', 'ḝ', 'ẹ', 'ẻ', 'ẽ', 'ể', 'ễ', 'ệ':
		return "e", true
	case 'ƒ', 'ḟ':
		return "f", true
	case 'ĝ', 'ğ', 'ġ', 'ģ', 'ǧ', 'ǵ', 'ḡ', 'ǥ':
		return "g", true
	case 'ĥ', 'ħ', 'ȟ', 'ḣ', 'ḥ', 'ḧ', 'ḩ', 'ḫ', 'ẖ':
		return "h", true
	case 'í', 'î', 'ï', 'ĩ', 'ī', 'ĭ', 'į', 'ı', 'ǐ', 'ȉ', 'ȋ', 'ḭ', 'ḯ', 'ỉ', 'ị':
		return "i", true
	case 'ĵ', 'ǰ', 'ȷ':
		return "j", true
	case 'ķ', 'ĸ', 'ǩ', 'ḱ', 'ḳ', 'ḵ':
		return "k", true
	case 'ĺ', 'ļ', 'ľ', 'ł', 'ḷ', 'ḹ', 'ḻ', 'ḽ', 'ŀ':
		return "l", true
	case 'ḿ', 'ṁ', 'ṃ':
		return "m", true
	case 'ń', 'ņ', 'ň', 'ŋ', 'ǹ', 'ṅ', 'ṇ', 'ṉ', 'ṋ':
		return "n", true
	case 'ó', 'ô', 'õ', 'ō', 'ŏ', 'ő', 'ơ', 'ǒ', 'ǫ', 'ǭ', 'ȍ', 'ȏ', 'ȭ', 'ȯ',
		'ȱ', 'ṍ', 'ṓ', 'ọ', 'ỏ', 'ố', 'ổ', 'ỗ', 'ộ', 'ớ', 'ở', 'ỡ', 'ợ':
		return "o", true
	case 'ṕ', 'ṗ':
		return "p", true
	case 'ŕ', 'ŗ', 'ř', 'ȑ', 'ȓ', 'ṙ', 'ṛ', 'ṝ', 'ṟ':
		return "r", true
	case 'ś', 'ŝ', 'ş', 'š', 'ſ', 'ș', 'ṡ', 'ṣ', 'ṥ', 'ṧ', 'ṩ', 'ẛ':
		return "s", true
	case 'ţ', 'ť', 'ŧ', 'ț', 'ṫ', 'ṭ', 'ṯ', 'ṱ', 'ẗ':
		return "t", true
	case 'ú', 'û', 'ũ', 'ū', 'ŭ', 'ů', 'ű', 'ų', 'ư', 'ǔ', 'ȕ', 'ȗ', 'ṳ', 'ṵ', 'ṷ', 'ṹ', 'ụ', 'ủ', 'ứ', 'ử', 'ữ', 'ự':
		return "u", true
	case 'ṽ', 'ṿ':
		return "v", true
	case 'ŵ', 'ẁ', 'ẃ', 'ẅ', 'ẇ', 'ẉ', 'ẘ':
		return "w", true
	case 'ẋ', 'ẍ':
		return "x", true
	case 'ý', 'ÿ', 'ŷ', 'ȳ', 'ẏ', 'ẙ', 'ỳ', 'ỵ', 'ỷ', 'ỹ':
		return "y", true
	case 'ź', 'ż', 'ž', 'ẑ', 'ẓ', 'ẕ', 'ƶ':
		return "z", true
	case 'Ǟ':
		return "Ä", true
	case '\u212b', 'Ǻ':
		return "Å", true
	case 'Ǣ', 'Ǽ':
		return "Æ", true
	case 'Ḉ':
		return "Ç", true
	case 'Ḗ', 'Ế':
		return "É", true
	case 'Ȫ', 'Ṏ':
		return "Ö", true
	case 'Ǿ':
		return "Ø", true
	case 'Ǖ', 'Ǘ', 'Ǚ', 'Ǜ', 'Ṻ':
		return "Ü", true
	case 'ẞ':
		return "ß", true
	case 'ầ', 'ằ':
		return "à", true
	case 'ǟ':
		return "ä", true
	case 'ǻ':
		return "å", true
	case 'ǣ', 'ǽ':
		return "æ", true
	case 'ḕ', 'ề':
		return "è", true
	case 'ḗ', 'ế':
		return "é", true
	case 'ṑ', 'ồ', 'ờ':
		return "ò", true
	case 'ȫ', 'ṏ':
		return "ö", true
	case 'ǿ':
		return "ø", true
	case 'ừ':
		return "ù", true
	case 'ǖ', 'ǘ', 'ǚ', 'ǜ', 'ṻ':
		return "ü", true
	}
	return "", false
}
