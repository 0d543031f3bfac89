package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.terrarium.event.TerrariumEvent;
import java.lang.foreign.Arena;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Whoever passes null where there must be something is told which parameter it was: of every
/// public method, constructor and record of the package that users touch, found by reflection.
@Timeout(90)
final class NullArgumentsTest {
  /// What Terrarium makes and users read: nobody else has a reason to make one.
  private static final Set<Class<?>> MADE_BY_US =
      Set.of(
          Exit.Signal.class,
          Exit.Status.class,
          Exit.Unknown.class,
          Ending.Survived.class,
          OrphanEnding.class,
          OrphanProcess.class,
          PoolStats.class,
          PoolStats.WorkerInfo.class,
          ShutdownReport.class,
          Terrarium.CloseReport.class,
          ToolException.PythonError.class,
          ToolInfo.class,
          ToolInfo.Parameter.class);

  @TempDir private static Path home;
  private static Terrarium runtime;
  private static Pool pool;

  @BeforeAll
  static void start() {
    runtime = Endings.runtime(home);
    pool = Endings.pool(runtime).size(1).start();
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  /// Something for each type of a parameter, beside the one that is null.
  private static Map<Class<?>, Object> samples() {
    var samples = new HashMap<Class<?>, Object>();
    samples.put(int.class, 1);
    samples.put(long.class, 1L);
    samples.put(double.class, 1.0);
    samples.put(boolean.class, true);
    samples.put(String.class, "x");
    samples.put(String[].class, new String[] {"x"});
    samples.put(Object.class, "x");
    samples.put(Object[].class, new Object[] {"x"});
    samples.put(Path.class, Path.of("x"));
    samples.put(Duration.class, Duration.ofSeconds(1));
    samples.put(Class.class, TerrariumEvent.class);
    samples.put(TypeRef.class, new TypeRef<List<String>>() {});
    samples.put(Arena.class, Arena.ofAuto());
    samples.put(Map.class, Map.of());
    samples.put(Set.class, Set.of());
    samples.put(List.class, List.of());
    samples.put(Stream.class, Stream.of());
    samples.put(Optional.class, Optional.empty());
    samples.put(OptionalInt.class, OptionalInt.empty());
    samples.put(OptionalLong.class, OptionalLong.empty());
    samples.put(OptionalDouble.class, OptionalDouble.empty());
    samples.put(Function.class, Function.identity());
    samples.put(Predicate.class, (Predicate<Object>) _ -> true);
    samples.put(Consumer.class, (Consumer<Object>) _ -> {});
    samples.put(Isolation[].class, new Isolation[0]);
    samples.put(ResourceLimits.class, ResourceLimits.none());
    samples.put(CleanupPolicy.class, CleanupPolicy.defaults());
    samples.put(ExitHook.class, ExitHook.atOnce());
    samples.put(Config.class, Config.defaults());
    samples.put(PoolConfig.class, pool.config());
    samples.put(Terrarium.class, runtime);
    samples.put(Pool.class, pool);
    samples.put(ToolCall.class, pool.tool("echo"));
    samples.put(PoolBuilder.class, Pool.builder());
    return samples;
  }

  private static Object sample(Class<?> type) {
    Object sample = type.isEnum() ? type.getEnumConstants()[0] : samples().get(type);
    return requireNonNull(sample, "no sample of " + type);
  }

  private static List<Executable> api() {
    return new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.terrarium")
            .stream()
            .filter(it -> it.getPackageName().equals("dev.terrarium"))
            .filter(NullArgumentsTest::isPublic)
            .map(JavaClass::reflect)
            .filter(it -> !Throwable.class.isAssignableFrom(it)) // as are those of MADE_BY_US
            .filter(it -> !MADE_BY_US.contains(it))
            .flatMap(NullArgumentsTest::executables)
            .filter(it -> Modifier.isPublic(it.getModifiers()) && !it.isSynthetic())
            .toList();
  }

  private static boolean isPublic(JavaClass type) {
    return type.getModifiers().contains(JavaModifier.PUBLIC)
        && type.getEnclosingClass().map(NullArgumentsTest::isPublic).orElse(true);
  }

  private static Stream<Executable> executables(Class<?> type) {
    Stream<Executable> methods =
        Stream.<Executable>of(type.getDeclaredMethods()).filter(it -> !isImplied(type, it));
    return type.isEnum() || Modifier.isAbstract(type.getModifiers())
        ? methods
        : Stream.concat(methods, Stream.of(type.getConstructors()));
  }

  /// What the language itself defines.
  private static boolean isImplied(Class<?> type, Executable method) {
    return method.getName().equals("equals")
        || (type.isEnum() && method.getName().equals("valueOf"));
  }

  private static boolean mustBeThere(Parameter parameter) {
    return !parameter.getType().isPrimitive()
        && !parameter.getAnnotatedType().isAnnotationPresent(Nullable.class);
  }

  private static String describe(Executable executable, Parameter parameter) {
    return "%s.%s(%s)"
        .formatted(
            executable.getDeclaringClass().getSimpleName(),
            executable instanceof Method ? executable.getName() : "<new>",
            parameter);
  }

  /// What it throws with null for this parameter; null where it throws nothing.
  @SuppressWarnings("NullAway") // on purpose
  private static @Nullable Throwable thrown(Executable executable, int at) throws Exception {
    Class<?>[] types = executable.getParameterTypes();
    @Nullable Object[] arguments = new @Nullable Object[types.length];
    for (int i = 0; i < types.length; i++) {
      arguments[i] = i == at ? null : sample(types[i]);
    }
    try {
      switch (executable) {
        case Method method -> {
          boolean unbound = Modifier.isStatic(method.getModifiers());
          method.invoke(unbound ? null : sample(method.getDeclaringClass()), arguments);
        }
        case Constructor<?> constructor -> constructor.newInstance(arguments);
      }
      return null;
    } catch (InvocationTargetException e) {
      return e.getCause();
    }
  }

  @Test
  void eachIsNamed() throws Exception {
    List<String> wrong = new ArrayList<>();
    int looked = 0;
    for (Executable executable : api()) {
      Parameter[] parameters = executable.getParameters();
      for (int at : IntStream.range(0, parameters.length).toArray()) {
        if (mustBeThere(parameters[at])) {
          looked++;
          Throwable thrown = thrown(executable, at);
          boolean named =
              thrown instanceof NullPointerException
                  && parameters[at].getName().equals(thrown.getMessage());
          if (!named) {
            wrong.add(describe(executable, parameters[at]) + " -> " + thrown);
          }
        }
      }
    }
    assertThat(looked).as("the API is looked at at all").isGreaterThan(80);
    assertThat(wrong).isEmpty();
  }

  @Test
  @SuppressWarnings("NullAway") // on purpose
  void elementsAreNamedByTheirParameter() {
    assertThatThrownBy(() -> Pool.builder().harmlessThreads("a", null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("names");
    assertThatThrownBy(() -> Pool.builder().withoutEnvironment("a", null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("variables");
    assertThatThrownBy(() -> Pool.builder().isolation(Isolation.CGROUP, null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("isolation");
  }

  @Test
  void whatMayBeNullMay() {
    assertThat(pool.tool("echo").args((@Nullable Object) null).call(Object.class)).isNull();
    assertThat(pool.tool("echo").arg("value", null).call(Object.class)).isNull();
  }
}
