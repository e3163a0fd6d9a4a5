/** Finds a table between its marks, `<!-- name -->` and `<!-- /name -->`. */
function between(readme: string, name: string): { start: number; end: number } {
  const mark = `<!-- ${name} -->\n`;
  const start = readme.indexOf(mark) + mark.length;
  const end = readme.indexOf(`\n<!-- /${name} -->`, start - 1);
  if (start < mark.length || end === -1) {
    throw new Error(`README.md lost the marks of the table "${name}"`);
  }
  return { start, end };
}

/** @returns the README with another table between the marks of a name; throws when they are lost */
export function fillTable(readme: string, name: string, lines: string[]): string {
  const { start, end } = between(readme, name);
  return readme.slice(0, start) + lines.join('\n') + readme.slice(end);
}

/** @returns the lines between the marks of a name; throws when they are lost */
export function tableLines(readme: string, name: string): string[] {
  const { start, end } = between(readme, name);
  return readme.slice(start, end).split('\n');
}
