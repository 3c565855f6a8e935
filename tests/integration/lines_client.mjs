// A stranger's client of a batch as a stream: Node's fetch with a body that is written
// while the answer is read. Sends so many events to the URL, waits for the result of
// each before it sends the next, and prints the results.

const [url, count] = [process.argv[2], Number(process.argv[3])];
const encoder = new TextEncoder();
let write;
const body = new ReadableStream({ start: (controller) => { write = controller; } });
const send = (number) => {
  const event = { category: "stream", action: "line", severity: "info", description: `${number}` };
  write.enqueue(encoder.encode(JSON.stringify(event) + "\n"));
};

send(1);
const response = await fetch(url, {
  method: "POST",
  headers: { "Content-Type": "application/x-ndjson" },
  body,
  duplex: "half",
});
if (response.status !== 200) process.exit(1);

let text = "";
let seen = 0;
for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
  text += chunk;
  const lines = text.split("\n");
  text = lines.pop();
  for (const line of lines) {
    console.log(line);
    if (++seen === count) write.close();
    else send(seen + 1);
  }
}
process.exit(seen === count && text === "" ? 0 : 2);
