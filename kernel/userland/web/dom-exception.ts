/** DOMException: an error that is told by its name (WebIDL §2.8.1). */

export class DOMException extends Error {
  constructor(message = '', name = 'Error') {
    super(message)
    this.name = name
  }
}
