package encode

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMaskedLines(t *testing.T) {
	for plain, want := range map[string]string{
		"": "",
		"1;0712345678;numeric;Codul 42%0Ada%3B nu;0": "1;0712****78;numeric;xxxxx 00%0Axx%3B xx;0",
		"1;0712345678;numeric;un;text;0":             "0;0000000000;xxxxxxx;xx;xxxx;0",
		"0712345678;Codul 42":                        "0000000000;xxxxx 00",

		"1;0712345678;numeric;a;0\r\n2;0723456789;numeric;ș;5": "1;0712****78;numeric;x;0\r\n2;0723****89;numeric;x;5",
	} {
		require.Equal(t, want, maskedLines(plain))
	}
}
