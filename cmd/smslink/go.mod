module github.com/go-smslink/smslink/cmd/smslink

go 1.25.0
