// What is taken along from the page as a file, and CSV that is text in every spreadsheet.

/** A cell: what would be a formula gets an apostrophe before it. */
const cell = (text: string) => `"${/^[ \u00a0]*[=+\-@\t\r\n＝＋－＠]/.test(text) ? "'" : ''}${text.replaceAll('"', '""')}"`;
export const csv = (rows: readonly (readonly (string | number)[])[]) => rows.map((row) => `${row.map((one) => (typeof one === 'number' ? String(one) : cell(one))).join(',')}\r\n`).join('');

export function save(name: string, text: string, type = 'text/plain') {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Not at once: the browser reads it after this task.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
