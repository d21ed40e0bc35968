// Measures each line of standard input, a JSON string, with two npm packages.
// npm_test.go runs it, in a folder that has them.
const { createInterface } = require("readline");
const { createRequire } = require("module");
const require_ = createRequire(process.cwd() + "/");
const split = require_("split-sms");
const { SegmentedMessage } = require_("sms-segments-calculator");

createInterface({ input: process.stdin }).on("line", (line) => {
  const text = JSON.parse(line);
  const a = split.split(text, { summary: true });
  const b = new SegmentedMessage(text);
  process.stdout.write(JSON.stringify({
    splitSMS: [a.characterSet === "GSM" ? "GSM-7" : "UCS-2", a.parts.length, a.remainingInPart],
    twilio: [b.encodingName, b.segmentsCount],
  }) + "\n");
});
