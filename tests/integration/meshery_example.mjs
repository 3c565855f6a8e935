// A client that publishes as Meshery's documentation shows it ("Sending Events to
// Meshery Server"): this method, this URL, these headers, this body. It knows
// nothing of Carillon. Arguments: the event's metadata as JSON.

const event = {
  category: "client_event",
  action: "create",
  severity: "info",
  description: "Client event creation",
  metadata: JSON.parse(process.argv[2]),
};

const response = await fetch("http://localhost:9081/api/events", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(event),
});

if (!response.ok) {
  console.error(`the server answered ${response.status}: ${await response.text()}`);
  process.exit(1);
}
console.log("sent");
