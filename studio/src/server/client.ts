/** This window's name towards the server and other windows; each window has another, and a reload makes a new one. */
export const client = crypto.getRandomValues(new Uint32Array(2)).join("-");
