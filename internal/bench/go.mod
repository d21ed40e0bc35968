module github.com/go-smslink/smslink/internal/bench

go 1.25.0

// Never released: it only measures the root beside it.
replace github.com/go-smslink/smslink => ../..

require (
	github.com/dsnet/compress v0.0.1
	github.com/go-smslink/smslink v0.0.0-00010101000000-000000000000
	github.com/klauspost/compress v1.20.3
)
