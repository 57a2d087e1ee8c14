/**
 * Where the text of a second model meets what the caller has already been sent. A joint takes the new text piece by
 * piece and gives what may be sent on; it throws a Mismatch where the whole would not be one text, once.
 */
export class Mismatch extends Error {}

/** So many characters of an earlier text, said again, are a repetition and no chance. */
const REPETITION = 24;

/** So many characters are looked at for one: a model may put a few words before it. */
const LOOKED_AT = 2 * REPETITION;

/**
 * For a model that was given the text so far as its own unfinished turn, less the white space at its end. It must go on
 * from there. One that begins again, or says the last words twice, cannot be told from one whose text repeats itself, so
 * whatever could be a repetition is refused.
 */
export class Onward {
  #sent;
  #gap;
  #shortest;
  #held = "";
  #decided = false;

  /**
   * @param {string} sent the text so far
   * @param {string} last its last piece: a repetition of less than one piece is none
   */
  constructor(sent, last) {
    this.#sent = sent.trimEnd();
    this.#gap = sent.slice(this.#sent.length);
    this.#shortest = Math.min(this.#sent.length, Math.max(2, Math.min(8, last.trim().length)));
  }

  take(text) {
    if (this.#decided) return text;
    this.#held += text;
    const fresh = this.#fresh();
    if (fresh === null || this.#repeats(fresh) !== "no") return "";
    return this.#release(fresh);
  }

  /** The model has ended: what is held must be decided with what there is. */
  end() {
    if (this.#decided || this.#held === "") return "";
    const fresh = this.#fresh() ?? "";
    if (fresh.trim() && this.#repeats(fresh, true) !== "no") throw new Mismatch();
    return this.#release(fresh);
  }

  #release(text) {
    this.#decided = true;
    this.#held = "";
    return text;
  }

  /** What is held without the white space that the caller already has; null while that cannot be told. */
  #fresh() {
    if (this.#held.startsWith(this.#gap)) return this.#held.slice(this.#gap.length);
    return this.#gap.startsWith(this.#held) ? null : this.#held;
  }

  /** Whether the text says again what was sent before: `no`, `maybe` while more is needed; throws if it does. */
  #repeats(fresh, ended = false) {
    const start = fresh.trimStart();
    if (start === "") return "maybe";
    for (let place = 0; place + REPETITION <= Math.min(start.length, LOOKED_AT); place += 1) {
      if (this.#sent.includes(start.slice(place, place + REPETITION))) throw new Mismatch();
    }
    let open = begins(start, this.#sent.trimStart().slice(0, LOOKED_AT));
    for (let length = this.#shortest; length <= Math.min(this.#sent.length, LOOKED_AT) && !open; length += 1) {
      open = begins(start, this.#sent.slice(-length).trimStart());
    }
    return open || (start.length < LOOKED_AT && !ended) ? "maybe" : "no";
  }
}

/** Whether `text` is so far the beginning of `known`; throws a Mismatch if it holds all of it. */
function begins(text, known) {
  if (known === "") return false;
  if (text.startsWith(known)) throw new Mismatch();
  return known.startsWith(text);
}

/** For a model that begins again: it must say the text so far letter by letter, and only what follows is sent on. */
export class Again {
  #left;

  constructor(sent) {
    this.#left = sent;
  }

  take(text) {
    const shared = Math.min(text.length, this.#left.length);
    if (!text.startsWith(this.#left.slice(0, shared))) throw new Mismatch();
    this.#left = this.#left.slice(shared);
    return text.slice(shared);
  }

  end() {
    if (this.#left) throw new Mismatch();
    return "";
  }
}
