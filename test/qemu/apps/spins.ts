/** Never gives the processor back. */
function spin(): void {
  for (let turns = 0; ; turns++) if (turns < 0) break
}

console.log('spinning')
spin()
