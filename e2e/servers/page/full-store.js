/** After five parts IndexedDB is full. Browsers cannot be told to do this: what they limit for tests is other storage. */
const { put } = IDBObjectStore.prototype;
let parts = 0;

IDBObjectStore.prototype.put = function (...given) {
  if (this.name === "parts" && ++parts > 5) throw new DOMException("full", "QuotaExceededError");
  return put.apply(this, given);
};
