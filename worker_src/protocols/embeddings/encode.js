/** An answer's vectors as OpenAI writes them: lists of numbers, or their 32-bit floats in base64, which its clients ask for by themselves. */
export function encodeAnswer({ vectors, usage }, { requested, encoding }) {
  const written = encoding === "base64" ? base64 : (vector) => vector;
  const data = vectors.map((vector, index) => ({ object: "embedding", index, embedding: written(vector) }));
  return { object: "list", data, model: requested, usage };
}

/** Little-endian, as clients read it whatever machine they run on. */
function base64(vector) {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, place) => view.setFloat32(place * 4, value, true));
  let text = "";
  for (const byte of new Uint8Array(view.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}
