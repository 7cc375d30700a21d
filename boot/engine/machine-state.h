/* Part of engine.c: what of the engine is of this machine and this boot, which a snapshot does without. */
void engine_forget_machine(JSContext *context)
{
    context->random_state = 1;
    context->rt->stack_top = 0;
    context->rt->stack_limit = 0;
}

void engine_seed(JSContext *context, uint64_t seed)
{
    context->random_state = seed == 0 ? 1 : seed;
}
