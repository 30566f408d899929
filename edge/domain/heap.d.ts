/** A binary heap: the least item first, by a comparison that must not change while the item is inside. */
export declare class Heap<T> {
    #private;
    constructor(before: (a: T, b: T) => boolean);
    push(item: T): void;
    /** Takes the least item out; undefined when there is none. */
    pop(): T | undefined;
}
