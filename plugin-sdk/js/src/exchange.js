// One message on its way through a chain, as a plugin sees it.

import { NotHl7, bytes, text } from "./errors.js";
import { hold } from "./handles.js";
import { Message, hostMessage } from "./message.js";

export class Exchange {
  #host;

  constructor(host) {
    this.#host = host;
  }

  get id() {
    return this.#host.id();
  }

  get interface() {
    return this.#host.interfaceName();
  }

  get receivedAtMs() {
    return Number(this.#host.receivedAtMs());
  }

  get timeZone() {
    return this.#host.timeZone();
  }

  get attempt() {
    return this.#host.attempt();
  }

  attribute(name) {
    return this.#host.attribute(text("an attribute's name", name));
  }

  setAttribute(name, value) {
    this.#host.setAttribute(text("an attribute's name", name), text(`the attribute ${name}`, value));
  }

  message() {
    const message = this.#host.message();
    if (message === undefined) {
      throw new NotHl7();
    }
    return new Message(message);
  }

  document() {
    const document = this.#host.document();
    return document && new Document(document);
  }

  forward(message) {
    this.#host.forward(hostMessage(message), []);
  }

  forwardTo(message, destinations) {
    this.#host.forward(hostMessage(message), names(destinations));
  }

  forwardDocument(contentType, body, destinations = []) {
    this.#host.forwardDocument(text("a content type", contentType), bytes("a document", body), names(destinations));
  }

  filter(reason) {
    this.#host.filter(text("a filter's reason", reason));
  }
}

/** What came in, as bytes. */
class Document {
  #host;

  constructor(host) {
    this.#host = hold(host);
  }

  get contentType() {
    return this.#host.contentType();
  }

  get length() {
    return Number(this.#host.length());
  }

  bytes() {
    return this.#host.read(0n, this.length);
  }
}

function names(destinations) {
  return Array.from(destinations, (name) => text("a destination", name));
}
