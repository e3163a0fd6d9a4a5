/** Finds a table between its markers, `<!-- name -->` and `<!-- /name -->`. */
function between(text: string, name: string): { start: number; end: number } {
  const mark = `<!-- ${name} -->\n`;
  const start = text.indexOf(mark) + mark.length;
  const end = text.indexOf(`\n<!-- /${name} -->`, start - 1);
  if (start < mark.length || end === -1) {
    throw new Error(`The document lacks the markers of the table "${name}"`);
  }
  return { start, end };
}

/** @returns the document with the table between the markers replaced; throws when a marker is missing */
export function fillTable(text: string, name: string, lines: string[]): string {
  const { start, end } = between(text, name);
  return text.slice(0, start) + lines.join('\n') + text.slice(end);
}

/** @returns the lines between the markers; throws when a marker is missing */
export function tableLines(text: string, name: string): string[] {
  const { start, end } = between(text, name);
  return text.slice(start, end).split('\n');
}
