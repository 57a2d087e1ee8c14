/** An event of more characters than this is no model's; it would only fill memory. */
const MAX_EVENT = 1_048_576;

/**
 * Reads server-sent events as WHATWG's HTML standard says (section 9.2.6): any split of bytes, CR, LF or CRLF, a
 * BOM, fields without a space after the colon, several data lines; and, more than it says, a last event that no
 * empty line ends.
 */
export class SseReader {
  #decoder = new TextDecoder("utf-8");
  #rest = "";
  #data = null;
  #afterCr = false;

  /**
   * @param {Uint8Array} bytes
   * @returns {string[]} data of the events that these bytes complete
   * @throws {RangeError} an event is too large
   */
  push(bytes) {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }), false);
  }

  /** The data of an event that the end of the stream completes. */
  end() {
    const events = this.#lines(this.#decoder.decode(), true);
    if (this.#data !== null) events.push(this.#data);
    this.#data = null;
    return events;
  }

  #lines(text, last) {
    let input = text;
    if (this.#afterCr && input.startsWith("\n")) input = input.slice(1);
    if (text) this.#afterCr = text.endsWith("\r");
    if (!last && !/[\r\n]/.test(input)) {
      // No line ends here: joined later, so that a large event in small pieces is not split anew with each.
      this.#rest += input;
      if (this.#rest.length > MAX_EVENT) throw new RangeError("the event is too large");
      return [];
    }
    input = this.#rest + input;
    const lines = input.split(/\r\n|\r|\n/);
    this.#rest = lines.pop();
    if (this.#rest.length > MAX_EVENT) throw new RangeError("the event is too large");
    if (last && this.#rest) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    const events = [];
    for (const line of lines) this.#line(line, events);
    return events;
  }

  #line(line, events) {
    if (line === "") {
      if (this.#data !== null) events.push(this.#data);
      this.#data = null;
      return;
    }
    if (!line.startsWith("data")) return;
    if (line.length > 4 && line[4] !== ":") return;
    const value = line[5] === " " ? line.slice(6) : line.slice(5);
    this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    if (this.#data.length > MAX_EVENT) throw new RangeError("the event is too large");
  }
}
