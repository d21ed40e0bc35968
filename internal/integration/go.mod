module github.com/go-smslink/smslink/internal/integration

go 1.25.0

// Never released: it only tests the root beside it.
replace github.com/go-smslink/smslink => ../..

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
	github.com/go-smslink/smslink v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.52.0
	golang.org/x/text v0.35.0
	golang.org/x/time v0.12.0
)

require (
	github.com/dsnet/compress v0.0.1 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
