// A stranger's SSE client: Node's fetch. Prints the data of each unnamed event, one
// line each, and ends after as many as the second argument says. "open" on standard
// error says that the stream has begun.

const [url, count] = [process.argv[2], Number(process.argv[3])];
const response = await fetch(url, { headers: { Accept: "text/event-stream" } });
if (!response.ok) process.exit(1);

let text = "";
let seen = 0;
let open = false;
for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
  if (!open) console.error("open");
  open = true;
  text += chunk;
  const blocks = text.split("\n\n");
  text = blocks.pop();
  for (const block of blocks) {
    const lines = block.split("\n");
    if (lines.some((line) => line.startsWith("event:"))) continue;
    const data = lines.filter((line) => line.startsWith("data:"));
    if (data.length === 0) continue;
    console.log(data.map((line) => line.slice(5).trimStart()).join("\n"));
    if (++seen === count) process.exit(0);
  }
}
process.exit(2); // the stream ended too early
