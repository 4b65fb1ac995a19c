// Code tables: local codes and what they mean elsewhere, kept by the hospital and not by the plugin.

import { Table as HostTable } from "#host/tables";
import { TableError, located, text } from "./errors.js";
import { hold } from "./handles.js";

export class Table {
  #host;
  #columns;

  /** Only `Table.open` makes one. */
  constructor(host) {
    this.#host = hold(host);
  }

  static open(name) {
    return new Table(located(TableError, () => HostTable.open(text("a table's name", name))));
  }

  get columns() {
    this.#columns ??= this.#host.columns();
    return this.#columns;
  }

  find(column, value) {
    const cells = located(TableError, () => this.#host.find(columnText(column), valueText(value)));
    return cells && new Row(this.columns, cells);
  }

  findMany(column, values) {
    const checked = Array.from(values, valueText);
    const found = located(TableError, () => this.#host.findMany(columnText(column), checked));
    return found.map((cells) => cells && new Row(this.columns, cells));
  }
}

class Row {
  #columns;

  constructor(columns, cells) {
    this.#columns = columns;
    this.cells = cells;
  }

  has(column) {
    return this.#columns.includes(column);
  }

  get(column) {
    const index = this.#columns.indexOf(column);
    if (index < 0) {
      const text = `the table has no column \`${column}\`; it has ${this.#columns.join(", ")}`;
      throw new TableError({ code: "no-such-column", text });
    }
    return this.cells[index];
  }
}

function columnText(column) {
  return text("a column", column);
}

function valueText(value) {
  return text("a value to be found in a table", value);
}
