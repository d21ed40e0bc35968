package evidence

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// The account's report has a text as it was sent, and a file or an outbox as it was written.
func TestSMSOf_ofATextAsItIsSent(t *testing.T) {
	for _, text := range []string{"Total:\t10 lei", "Total:\r10 lei", "Total\x00", "unu\r\ndoi", " unu ", "Bună\u00a0ziua\u00a0\t"} {
		written := smslink.Message{To: "0712345678", Text: text}
		var p smslink.Package
		require.NoError(t, p.Add(written))
		for sent := range p.Messages() {
			require.Equal(t, SMSOf(&written), SMSOf(&sent), "%q is sent as %q", text, sent.Text)
		}
	}
}
